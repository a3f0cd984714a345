/**
 * Returns the key of an image's labels in `histories.uuid`: `wmi:xyz` for `wmi-xyz`. The Ruby programs assign
 * each row under an ID to the column that it names, and fail if there is none, so labels have a key that they
 * never look for (docs/decisions/0030). It is as long as the ID, which may fill the column.
 *
 * @param id canonical ID.
 */
export function labelKey(id: string): string {
  return id.replace('-', ':')
}

/** Returns the canonical ID of a key in `histories.uuid`. */
export function idOfKey(key: string): string {
  return key.replace(/^([a-z]+):/, '$1-')
}
