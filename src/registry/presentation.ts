/** Computes one key from the named fields of a row; null copies the first field unchanged. */
type Shown<R, V> = readonly [of: ((row: R) => V) | null, ...fields: (keyof R & string)[]]

/** Defines for each key of `T` how it is computed from a row `R`. */
export type Presentation<R, T> = { readonly [K in keyof T]: Shown<R, T[K]> }

/** Defines a key as a copy of a field. */
export function field<R, F extends keyof R & string>(name: F): Shown<Pick<R, F>, R[F]> {
  return [null, name]
}

/**
 * Prepares the presentation of rows with some of the keys.
 *
 * @param keys undefined for all; unknown keys are ignored.
 * @returns the fields that these keys need, and a function that computes the keys from a row.
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
 * Compiles the keys into a function with one object literal. Objects whose keys are set
 * one by one under computed names become hash tables in V8, and a list takes twice as long.
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
