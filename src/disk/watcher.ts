/** Somebody's wish to end what takes long. */
export interface Cancellation {
  /** Throws where that was asked for. */
  throwIfRequested(): void
  /** Aborted when that is asked for. */
  readonly signal: AbortSignal
}

/** Is told how far long work is. */
export interface Progress {
  /**
   * Work begins.
   *
   * @param title what it is, for people, such as `Hashing`.
   * @param total bytes that it has in all.
   * @returns told of the bytes that are done since the last time, and at last of the end, however that is.
   */
  begin(title: string, total: number): { advance(bytes: number): void; end(): void }
}

/** Who watches long work: may end it, and is told how far it is. */
export interface Watcher {
  cancellation: Cancellation
  progress: Progress
}
