/** A file that a line of a script has created; `key` is the line's request. */
interface Made<T = unknown> {
  key: string
  path: string
  result: T
}

/** The files that a script has created, if it may run again from its start; undefined otherwise. */
let made: Made[] | undefined
/** The number of these files that the lines of this run have reached. */
let reached = 0

/** Starts a script that may run again from its start; `makeOnce` creates its files only once. */
export function rewindMadeFiles(): void {
  made ??= []
  reached = 0
}

/** Returns the paths of the files that the script has created. They are kept when its changes are rolled back. */
export function madeFiles(): string[] {
  return (made ?? []).map(({ path }) => path)
}

/**
 * Creates a file, unless an earlier run of the same script created it for the same line. A rollback
 * does not remove files, so creating it again would fail.
 *
 * @param request identifies the line's request.
 * @returns the result of `make`, from now or from the earlier run.
 */
export async function makeOnce<T extends { path: string }>(request: object, make: () => Promise<T>): Promise<T> {
  const key = JSON.stringify(request)
  const before = made?.findIndex((file, at) => at >= reached && file.key === key) ?? -1
  if (made !== undefined && before !== -1) {
    reached = before + 1
    return (made[before] as Made<T>).result
  }
  const result = await make()
  made?.splice(reached++, 0, { key, path: result.path, result })
  return result
}
