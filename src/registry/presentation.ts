/** A key of what is shown of a row: makes its value, from the named fields of the row. */
type Shown<R, V> = readonly [of: (row: R) => V, ...fields: (keyof R & string)[]]

/** How the rows `R` of a list are shown as `T`, by the keys of that. */
export type Presentation<R, T> = { readonly [K in keyof T]: Shown<R, T[K]> }

/** A key with the unchanged value of a field. */
export function field<R, F extends keyof R & string>(name: F): Shown<Pick<R, F>, R[F]> {
  return [(row) => row[name], name]
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
  const names = wanted.map(([key]) => key)
  const makers = wanted.map(([, [of]]) => of)
  return {
    fields: [...new Set(wanted.flatMap(([, [, ...fields]]) => fields))],
    present(row) {
      const shown: Record<string, unknown> = {}
      for (let at = 0; at < names.length; at++) shown[names[at] as string] = makers[at]?.(row)
      return shown as T
    },
  }
}
