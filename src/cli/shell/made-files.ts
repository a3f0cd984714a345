/** A file that a line of a script has created; `key` is the line's request. */
interface Made<T = unknown> {
  key: string
  path: string
  result: T
}

/** The files that a script has created, if it may run again from its start. */
export class MadeFiles {
  /** undefined if nothing runs again. */
  #made: Made[] | undefined
  /** The number of these files that the lines of this run have reached. */
  #reached = 0

  /** Starts a script that may run again from its start; `makeOnce` creates its files only once. */
  rewind(): void {
    this.#made ??= []
    this.#reached = 0
  }

  /** The paths of the files. They are kept when the script's changes are rolled back. */
  get paths(): string[] {
    return (this.#made ?? []).map(({ path }) => path)
  }

  /**
   * Creates a file, unless an earlier run of the same script created it for the same line. A rollback
   * does not remove files, so creating it again would fail.
   *
   * @param request identifies the line's request.
   * @returns the result of `make`, from now or from the earlier run.
   */
  async makeOnce<T extends { path: string }>(request: object, make: () => Promise<T>): Promise<T> {
    const key = JSON.stringify(request)
    const before = this.#made?.findIndex((file, at) => at >= this.#reached && file.key === key) ?? -1
    if (this.#made !== undefined && before !== -1) {
      this.#reached = before + 1
      return (this.#made[before] as Made<T>).result
    }
    const result = await make()
    this.#made?.splice(this.#reached++, 0, { key, path: result.path, result })
    return result
  }
}
