/*
 * Names and contents of a guest are bytes, and need not be UTF-8. Everywhere in src/guest, paths,
 * names and texts are strings in which each character stands for one byte (latin1). So they can be
 * compared, split and joined as strings, and lead back to the same file. Only `shown` decodes them,
 * when they leave for a report.
 */

/** A path in a guest, one character per byte. It starts with `/`, which is the root of the guest. */
export type GuestPath = string

/** Returns the bytes of a path or text of a guest. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** Decodes a path or text of a guest for people: UTF-8, or else ASCII with `\xHH` for all other bytes. */
export function shown(text: string): string {
  const bytes = bytesOf(text)
  const decoded = bytes.toString('utf8')
  if (Buffer.from(decoded).equals(bytes)) return decoded
  return text.replace(/[\\\x80-\xff]/g, (byte) => `\\x${(byte.codePointAt(0) as number).toString(16).padStart(2, '0')}`)
}

/** Returns the folder of a path; `/` for `/` itself. */
export function folderOf(path: GuestPath): GuestPath {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/** Returns the last name of a path. */
export function nameOf(path: GuestPath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
