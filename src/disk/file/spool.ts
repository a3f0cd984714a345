import type { FileHandle } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { Reserve } from '../make/reserve.ts'
import { openNameless, temporaryFolder } from './temporary-file.ts'

const PIECE = 64 * 1024

/** Bytes that come once, kept in a nameless file so that they can be read again. */
export class KeptBytes {
  #handle: FileHandle | undefined
  #reserve: Reserve | undefined

  /**
   * Hands bytes on as they come, and keeps them.
   *
   * @throws VdcError FILE_NOT_WRITTEN; and whatever `chunks` throw.
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
          `What comes cannot be kept in ${temporaryFolder()}: ${(error as Error).message}`,
          { hint: 'Set TMPDIR to a folder that has the space', cause: error },
        )
      }
      yield chunk
    }
  }

  /** All that was kept, from the start; again with each call. */
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
