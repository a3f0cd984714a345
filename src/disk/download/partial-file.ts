import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import type { PrivateFolder } from '../folder/private-folder.ts'
import type { Algorithm } from '../hash/checksum-file.ts'
import { Reserve } from '../make/reserve.ts'
import { NEW_FILE } from '../remove/held.ts'
import type { Cancellation } from '../watcher.ts'
import { type PartialState, writeState } from './partial-state.ts'

/** The name of the file with the bytes. */
export const BYTES = 'bytes'
const CHUNK = 1024 * 1024

/** The bytes of a download so far, and their checksums. */
export class PartialFile {
  readonly handle: FileHandle
  readonly #folder: PrivateFolder
  readonly #algorithms: readonly Algorithm[]
  readonly #reserve: Reserve
  #hashes: Hash[]
  #state: PartialState
  #size = 0

  private constructor(
    folder: PrivateFolder,
    handle: FileHandle,
    state: PartialState,
    algorithms: readonly Algorithm[],
  ) {
    this.#folder = folder
    this.handle = handle
    this.#state = state
    this.#algorithms = algorithms
    this.#reserve = new Reserve(handle)
    this.#hashes = algorithms.map((algorithm) => createHash(algorithm))
  }

  /**
   * Opens the bytes that an earlier run left and hashes them, or starts over.
   *
   * @param left the state that it left; undefined if there is none.
   * @throws Error of the system; the error of the cancellation.
   */
  static async open(
    folder: PrivateFolder,
    key: string,
    left: PartialState | undefined,
    algorithms: readonly Algorithm[],
    cancellation: Cancellation,
  ): Promise<PartialFile> {
    const path = `${folder.path}/${BYTES}`
    const fresh: PartialState = { key, validator: null, total: null, at: Date.now() }
    if (left === undefined) {
      await writeState(folder, fresh)
      return new PartialFile(folder, await open(path, NEW_FILE, 0o600), fresh, algorithms)
    }
    const file = new PartialFile(folder, await openLeftBytes(path), left, algorithms)
    try {
      if (left.validator === null) await file.begin(null, null)
      else await file.#hashWhatIsThere(cancellation)
      return file
    } catch (error) {
      await file.handle.close()
      throw error
    }
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size
  }

  /** Bytes of the whole file; null if unknown. */
  get total(): number | null {
    return this.#state.total
  }

  /** What identifies the contents on the server; undefined if there are no bytes, or the rest cannot be requested. */
  get validator(): string | undefined {
    return this.#size === 0 ? undefined : (this.#state.validator ?? undefined)
  }

  /** True if all bytes are there, as far as that is known. */
  get isWhole(): boolean {
    return this.#size > 0 && this.#size === this.#state.total
  }

  /** Forgets all bytes, and begins with a file that has this validator and size. */
  async begin(validator: string | null, total: number | null): Promise<void> {
    this.#state = { key: this.#state.key, validator, total, at: Date.now() }
    // Before the new state, so that old bytes never pass for new ones.
    await this.handle.truncate(0)
    await writeState(this.#folder, this.#state)
    this.#size = 0
    this.#hashes = this.#algorithms.map((algorithm) => createHash(algorithm))
  }

  /**
   * Appends bytes.
   *
   * @throws Error of the system; ENOSPC if too little space would stay free.
   */
  async write(bytes: Buffer): Promise<void> {
    await this.#reserve.take(bytes.length)
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, this.#size + done)
      done += bytesWritten
    }
    this.#count(bytes)
  }

  /** Returns the checksums of all bytes so far, in hex, in the order of the algorithms. */
  digests(): string[] {
    return this.#hashes.map((hash) => hash.copy().digest('hex'))
  }

  async #hashWhatIsThere(cancellation: Cancellation): Promise<void> {
    const buffer = Buffer.allocUnsafe(CHUNK)
    for (;;) {
      cancellation.throwIfRequested()
      const { bytesRead } = await this.handle.read(buffer, 0, CHUNK, this.#size)
      if (bytesRead === 0) return
      this.#count(buffer.subarray(0, bytesRead))
    }
  }

  #count(bytes: Buffer): void {
    for (const hash of this.#hashes) hash.update(bytes)
    this.#size += bytes.length
  }
}

/** Opens the bytes that an earlier run left; an empty file if there are none. */
async function openLeftBytes(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await open(path, flags, 0o600)
  // A process that was killed while it moved the file into place has left both names: the file must not change any more.
  if ((await handle.stat()).nlink <= 1) return handle
  await handle.close()
  await unlink(path)
  return open(path, NEW_FILE, 0o600)
}
