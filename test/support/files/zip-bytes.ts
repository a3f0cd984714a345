import { crc32, deflateRawSync } from 'node:zlib'

/*
 * Zip archives, field by field: PKWARE's .ZIP File Format Specification:
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */

/** The headers of a file in a zip archive, and its packed data. */
export interface ZipDraft {
  name: string
  flags: number
  method: number
  crc: number
  packed: number
  unpacked: number
  data: Buffer
  /** What differs in the header before the data. */
  local: Partial<{ name: string; flags: number; method: number; crc: number; packed: number; unpacked: number }>
  /** Extra fields before the data, and in the directory. */
  extra: [local: Buffer, central: Buffer]
  /** Bytes after the data, such as its CRC and sizes. */
  after: Buffer
  attributes: number
  offset: number
}

/** Returns a file as programs write it. */
export function newZipFile(name: string, body: Buffer, more: Partial<ZipDraft> = {}): ZipDraft {
  const data = deflateRawSync(body)
  return {
    ...{ name, flags: 0, method: 8, crc: crc32(body), packed: data.length, unpacked: body.length, data },
    ...{ local: {}, extra: [Buffer.alloc(0), Buffer.alloc(0)], after: Buffer.alloc(0), attributes: 0, offset: 0 },
    ...more,
  }
}

/** Returns little-endian numbers, each with its length in bytes. */
export function numbers(...fields: [value: number, length: number][]): Buffer {
  return Buffer.concat(
    fields.map(([value, length]) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(BigInt(value))
      return bytes.subarray(0, length)
    }),
  )
}

/** Returns an extra field of zip64 with these numbers. */
export function zip64(...values: number[]): Buffer {
  return numbers([1, 2], [8 * values.length, 2], ...values.map((value): [number, number] => [value, 8]))
}

/** Returns a file with its header. */
export function localBytes(file: ZipDraft): Buffer {
  const { name, flags, method, crc, packed, unpacked } = { ...file, ...file.local }
  const [extra] = file.extra
  const fixed = numbers([0x04034b50, 4], [20, 2], [flags, 2], [method, 2], [0, 4], [crc, 4], [packed, 4], [unpacked, 4])
  const lengths = numbers([name.length, 2], [extra.length, 2])
  return Buffer.concat([fixed, lengths, Buffer.from(name, 'latin1'), extra, file.data, file.after])
}

/** Returns the entry of a file in the directory. */
export function centralBytes({ name, flags, method, crc, packed, unpacked, ...file }: ZipDraft): Buffer {
  const [, extra] = file.extra
  const fixed = numbers([0x02014b50, 4], [0x031e, 2], [20, 2], [flags, 2], [method, 2], [0, 4], [crc, 4])
  const sizes = numbers([packed, 4], [unpacked, 4], [name.length, 2], [extra.length, 2], [0, 2], [0, 2], [0, 2])
  const rest = numbers([file.attributes, 4], [file.offset, 4])
  return Buffer.concat([fixed, sizes, rest, Buffer.from(name, 'latin1'), extra])
}

/** Returns the end record. */
export function endBytes(count: number, length: number, at: number, comment = ''): Buffer {
  const counts = numbers([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2])
  return Buffer.concat([counts, numbers([length, 4], [at, 4], [comment.length, 2]), Buffer.from(comment, 'latin1')])
}

/** Returns the end record of zip64, and its locator. */
export function end64Bytes(count: number, length: number, at: number, ownAt = at + length): Buffer {
  const start = numbers([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4])
  const record = Buffer.concat([start, numbers([count, 8], [count, 8], [length, 8], [at, 8])])
  return Buffer.concat([record, numbers([0x07064b50, 4], [0, 4], [ownAt, 8], [1, 4])])
}

/** Returns an archive of files, one after the other. */
export function zipBytes(files: readonly ZipDraft[], comment = ''): Buffer {
  const locals = Buffer.concat(files.map(localBytes))
  const directory = Buffer.concat(files.map(centralBytes))
  return Buffer.concat([locals, directory, endBytes(files.length, directory.length, locals.length, comment)])
}
