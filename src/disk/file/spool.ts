import type { FileHandle } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { Reserve } from '../make/reserve.ts'
import { openNameless, temporaryFolder } from './temporary-file.ts'

const PIECE = 64 * 1024

/** Bytes of a stream, kept in a temporary file without a name so that they can be read again. */
export class KeptBytes {
  #handle: FileHandle | undefined
  #reserve: Reserve | undefined

  /**
   * Yields bytes as they arrive, and keeps them.
   *
   * @throws VdcError FILE_NOT_WRITTEN; errors of `chunks`.
   */
  async *keep(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      try {
        this.#handle ??= await openNameless()
        this.#reserve ??= new Reserve(this.#handle)
        await this.#reserve.take(chunk.length)
        await this.#handle.appendFile(chunk)
      } catch (error) {
        throw new VdcError(
          'FILE_NOT_WRITTEN',
          `The input cannot be stored in ${temporaryFolder()}: ${(error as Error).message}`,
          { hint: 'Set TMPDIR to a folder with enough free space', cause: error },
        )
      }
      yield chunk
    }
  }

  /** Yields all kept bytes from the start. Can be called repeatedly. */
  async *read(): AsyncGenerator<Uint8Array> {
    for (let at = 0; this.#handle !== undefined; ) {
      const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE, at)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close()
  }
}
