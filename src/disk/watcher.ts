/** A request to end long work early. */
export interface Cancellation {
  /** Throws an error if cancellation was requested. */
  throwIfRequested(): void
  /** Aborted when cancellation is requested. */
  readonly signal: AbortSignal
}

/** Shows the progress of long work. */
export interface Progress {
  /**
   * Starts to show the progress of a task.
   *
   * @param title of the task for people, for example `Hashing`; a function if it changes.
   * @param total bytes of the whole task; undefined if it is not about bytes, which shows how long it takes.
   * @returns functions to call with the bytes done since the last call, and once when the task
   *   ends, also if it fails.
   */
  begin(title: string | (() => string), total: number | undefined): { advance(bytes: number): void; end(): void }
}

/** Cancels long work and shows its progress. */
export interface Watcher {
  cancellation: Cancellation
  progress: Progress
}
