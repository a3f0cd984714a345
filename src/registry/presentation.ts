/** A key of what is shown of a row: makes its value from the named fields of the row; null for the one field unchanged. */
type Shown<R, V> = readonly [of: ((row: R) => V) | null, ...fields: (keyof R & string)[]]

/** How the rows `R` of a list are shown as `T`, by the keys of that. */
export type Presentation<R, T> = { readonly [K in keyof T]: Shown<R, T[K]> }

/** A key with the unchanged value of a field. */
export function field<R, F extends keyof R & string>(name: F): Shown<Pick<R, F>, R[F]> {
  return [null, name]
}

/**
 * Picks the keys to show of a row.
 *
 * @param keys undefined for all; unknown ones are ignored.
 * @returns the fields that these keys need, and a function that makes them from a row.
 */
export function presenting<R, T extends object>(
  presentation: Presentation<R, T>,
  keys: readonly string[] = Object.keys(presentation),
): { fields: (keyof R & string)[]; present: (row: R) => T } {
  const wanted = Object.entries<Shown<R, unknown>>(presentation).filter(([key]) => keys.includes(key))
  return {
    fields: [...new Set(wanted.flatMap(([, [, ...fields]]) => fields))],
    present: compile(wanted),
  }
}

/**
 * Compiles what makes the keys of a row into one object literal. Objects whose keys are set one by one by
 * computed names become hash tables in V8, and a list takes twice as long.
 */
function compile<R, T>(wanted: readonly [key: string, shown: Shown<R, unknown>][]): (row: R) => T {
  const parts = wanted.map(([key, [of, field]], at) => {
    const value = of === null ? `row[${JSON.stringify(field)}]` : `of${at}(row)`
    return `${JSON.stringify(key)}: ${value}`
  })
  const makers = wanted.map(([, [of]]) => of)
  const names = wanted.map((_, at) => `of${at}`)
  return new Function(...names, `return (row) => ({ ${parts.join(', ')} })`)(...makers)
}
