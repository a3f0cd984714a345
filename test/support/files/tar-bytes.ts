/*
 * Tar archives byte by byte, including ones that no program writes. Sources: POSIX.1-2017, pax,
 * "ustar Interchange Format", and the GNU tar manual, "Basic Tar Format".
 */

/** The size of a header in bytes. */
export const BLOCK = 512

/** The offset and length of each header field. */
export const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  prefix: [345, 155],
  starTimes: [476, 24],
  realsize: [483, 12],
} as const
export type Field = keyof typeof FIELDS

export const MAGICS = { posix: 'ustar\u000000', gnu: 'ustar  \0', v7: '' }

/** A header and the bytes after it, with their deviations. */
export interface Entry {
  /** The contents of the fields, one character per byte. The size defaults to that of the body. */
  fields: Partial<Record<Field, string>>
  body: Buffer
  /** Bytes to write into the header, by offset. */
  patches: [at: number, bytes: string][]
  /** How to write the checksum. */
  checksum: 'right' | 'signed' | 'spaces' | 'short' | 'wrong'
  /** The byte that fills the last block of the body. */
  fill: number
}

/** Returns an entry for a regular file, as programs write it. */
export function newEntry(name: string, body: Buffer, fields: Entry['fields'] = {}): Entry {
  const usual = { name, mode: '0000644\0', uid: '0000000\0', gid: '0000000\0', mtime: '14700000000\0', type: '0' }
  return { fields: { ...usual, magic: MAGICS.posix, ...fields }, body, patches: [], checksum: 'right', fill: 0 }
}

/** Returns the bytes of an entry. */
export function entryBytes({ fields, body, patches, checksum, fill }: Entry): Buffer {
  const header = Buffer.alloc(BLOCK)
  const put = (field: Field, text: string) => {
    const [at, length] = FIELDS[field]
    header.write(text.slice(0, length), at, 'latin1')
  }
  put('size', `${body.length.toString(8).padStart(11, '0')}\0`)
  for (const [field, text] of Object.entries(fields)) put(field as Field, text)
  for (const [at, text] of patches) header.write(text, at, 'latin1')
  if (fields.checksum === undefined) put('checksum', checksumOf(header, checksum))
  return Buffer.concat([header, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK, fill)])
}

/** Returns the checksum field of a header. */
export function checksumOf(header: Buffer, way: Entry['checksum'] = 'right'): string {
  const [at, length] = FIELDS.checksum
  const others = Buffer.concat([header.subarray(0, at), Buffer.alloc(length, ' '), header.subarray(at + length)])
  const sum = [...others].reduce((total, byte) => total + (way === 'signed' && byte > 127 ? byte - 256 : byte), 0)
  const digits = (way === 'wrong' ? sum + 1 : sum).toString(8)
  if (way === 'spaces') return `${digits.padStart(6, ' ')}\0 `
  if (way === 'short') return `${digits.padStart(7, '0')}\0`
  return `${digits.padStart(6, '0')}\0 `
}

/** Returns a pax record, `length key=value\n`. The length includes its own digits. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

/** Returns a pax header. With `type` g, it is valid for all members. */
export function paxEntry(records: string, type = 'x'): Entry {
  return newEntry('./PaxHeaders/disk.raw', Buffer.from(records, 'latin1'), { type })
}

/** Returns a GNU tar header with a long name. */
export function longName(name: string, type = 'L'): Entry {
  return newEntry('././@LongLink', Buffer.from(`${name}\0`, 'latin1'), { type, magic: MAGICS.gnu })
}

/** Returns a number as octal digits and a NUL. */
export function octal(value: number, length = 12): string {
  return `${value.toString(8).padStart(length - 1, '0')}\0`
}

/** Returns a number in binary, as GNU tar writes numbers too large for octal digits. */
export function binary(value: bigint, length = 12): string {
  const bits = BigInt.asUintN(8 * length, value)
  const bytes = Buffer.from(bits.toString(16).padStart(2 * length, '0'), 'hex')
  bytes[0] = value < 0n ? 0xff : 0x80
  return bytes.toString('latin1')
}
