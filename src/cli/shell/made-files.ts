/** A file that a line of a script has made, by what was asked for. */
interface Made<T = unknown> {
  key: string
  path: string
  result: T
}

/** The files of a script that may be run again from its start; undefined where nothing is run again. */
let made: Made[] | undefined
/** How many of them the lines of this run have reached. */
let reached = 0

/** Tells that a script begins that may be run again from its start: the files that it makes are made once. */
export function rewindMadeFiles(): void {
  made ??= []
  reached = 0
}

/** The paths of the files that the script has made, which stay there when its changes are undone. */
export function madeFiles(): string[] {
  return (made ?? []).map(({ path }) => path)
}

/**
 * Makes a file, unless an earlier run of the same script made it for the same
 * line: no rollback removes it, so that to make it again would find it there.
 *
 * @param request what the file is made from, and how.
 * @returns what `make` returned, now or then.
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
