/*
 * Tar archives byte by byte, also such as no program writes: POSIX.1-2017, pax,
 * "ustar Interchange Format", and GNU tar's manual, "Basic Tar Format".
 */

/** Bytes of a header. */
export const BLOCK = 512

/** Where the fields of a header are: offset and length. */
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

/** A header, the bytes behind it, and what is wrong with either. */
export interface Entry {
  /** The contents of the fields, one character per byte; a size that is missing is that of the body. */
  fields: Partial<Record<Field, string>>
  body: Buffer
  /** Other bytes of the header, by their offsets. */
  patches: [at: number, bytes: string][]
  /** How the checksum is written. */
  checksum: 'right' | 'signed' | 'spaces' | 'short' | 'wrong'
  /** The bytes that fill the last block of the body. */
  fill: number
}

/** An entry as programs write it, for a regular file. */
export function newEntry(name: string, body: Buffer, fields: Entry['fields'] = {}): Entry {
  const usual = { name, mode: '0000644\0', uid: '0000000\0', gid: '0000000\0', mtime: '14700000000\0', type: '0' }
  return { fields: { ...usual, magic: MAGICS.posix, ...fields }, body, patches: [], checksum: 'right', fill: 0 }
}

/** The bytes of an entry. */
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

/** The field that holds the sum of a header's bytes. */
export function checksumOf(header: Buffer, way: Entry['checksum'] = 'right'): string {
  const [at, length] = FIELDS.checksum
  const others = Buffer.concat([header.subarray(0, at), Buffer.alloc(length, ' '), header.subarray(at + length)])
  const sum = [...others].reduce((total, byte) => total + (way === 'signed' && byte > 127 ? byte - 256 : byte), 0)
  const digits = (way === 'wrong' ? sum + 1 : sum).toString(8)
  if (way === 'spaces') return `${digits.padStart(6, ' ')}\0 `
  if (way === 'short') return `${digits.padStart(7, '0')}\0`
  return `${digits.padStart(6, '0')}\0 `
}

/** A record of a pax header, `length key=value\n`; the length counts itself. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

/** A pax header; `type` g is for all members. */
export function paxEntry(records: string, type = 'x'): Entry {
  return newEntry('./PaxHeaders/disk.raw', Buffer.from(records, 'latin1'), { type })
}

/** A header of GNU tar with a long name. */
export function longName(name: string, type = 'L'): Entry {
  return newEntry('././@LongLink', Buffer.from(`${name}\0`, 'latin1'), { type, magic: MAGICS.gnu })
}

/** A number of a header as octal digits and a NUL. */
export function octal(value: number, length = 12): string {
  return `${value.toString(8).padStart(length - 1, '0')}\0`
}

/** A number of a header in binary, as GNU tar writes what octal digits cannot hold. */
export function binary(value: bigint, length = 12): string {
  const bits = BigInt.asUintN(8 * length, value)
  const bytes = Buffer.from(bits.toString(16).padStart(2 * length, '0'), 'hex')
  bytes[0] = value < 0n ? 0xff : 0x80
  return bytes.toString('latin1')
}
