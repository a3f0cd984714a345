import { ambiguousTar, damagedTar, withMember } from './tar-refusals.ts'

/*
 * The header block of a tar archive: POSIX.1-2017, pax, "ustar Interchange Format",
 * and GNU tar's manual, "Basic Tar Format":
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * https://www.gnu.org/software/tar/manual/html_node/Standard.html
 * GNU tar fails if any number in a header is malformed, even one that does not matter
 * here. So all numbers that it reads are checked.
 */

/** Bytes of a header, and the unit of everything in an archive. */
export const BLOCK = 512

type Field = readonly [at: number, length: number]
const NAME: Field = [0, 100]
const SIZE: Field = [124, 12]
const CHECKSUM: Field = [148, 8]
const TYPE = 156
const MAGIC: Field = [257, 8]
const PREFIX: Field = [345, 155]
/** mode, uid, gid and mtime. */
const NUMBERS: readonly Field[] = [
  [100, 8],
  [108, 8],
  [116, 8],
  [136, 12],
]
const MAX_ID = 0xffffffff
const SPACE = 0x20
const ZERO = 0x30
/** star's times, at the end of ustar's prefix, and the byte before them, which is 0 in star's format. */
const STAR_TIMES: readonly Field[] = [
  [476, 12],
  [488, 12],
]
const STAR_PREFIX_END = 475
/** GNU's fields for sparse files, and the bytes around them, which are unused in an archive of one volume. */
const GNU_SPARSE: Field = [386, 109]
const GNU_UNUSED: readonly Field[] = [
  [369, 17],
  [495, 17],
]

/** Without a ustar signature, GNU tar treats a file as compressed by its first bytes (`buffer.c`) or its name (`suffix.c`). */
const COMPRESSED_NAME = /\.(?:gz|tgz|taz|z|Z|taZ|bz2|tbz|tbz2|tz2|lz|lzma|tlz|lzo|xz|txz|zst|tzst)$/
const COMPRESSED = ['\x1f\x9d', '\x1f\x8b', 'BZh', 'LZIP', '\xffLZMA', '\x89LZO', '\xfd7zXZ', '\x28\xb5\x2f\xfd']

/** The fields of a header that are used. */
export interface TarHeader {
  /** `posix` is ustar and pax; `gnu` is GNU's own. Each reads the bytes from 345 differently; v7 has none. */
  format: 'posix' | 'gnu' | 'v7'
  /** Whether star's times take the place of the end of the prefix. */
  isStar: boolean
  /** The type of the member, one character. */
  type: string
  /** Name with its prefix, one character per byte. */
  name: string
  /** Bytes of data after the header, without padding. */
  size: number
  /** All bytes of the header. */
  block: Buffer
}

/**
 * Reads a header block.
 *
 * @throws VdcError FILE_REFUSED if its checksum, signature or size is wrong.
 */
export function readHeader(block: Buffer): TarHeader {
  if (!hasChecksum(block)) throw damagedTar('the checksum of a header is wrong')
  const format = formatOf(block)
  const prefix = format === 'posix' ? stringIn(block, ...PREFIX) : ''
  const ownName = stringIn(block, ...NAME)
  const name = prefix === '' ? ownName : `${prefix}/${ownName}`
  return {
    format,
    isStar: format === 'posix' && isStar(block),
    type: String.fromCharCode(block[TYPE] as number),
    name,
    size: sizeIn(block, name),
    block,
  }
}

/**
 * Requires that GNU tar accepts the header of a member, and that other programs read it
 * in the same way.
 *
 * @throws VdcError FILE_REFUSED if not.
 */
export function requirePlainHeader({ block, format, isStar, type }: TarHeader): void {
  const [mode, uid, gid] = NUMBERS.map((field) => numberIn(block, ...field)) as [number, number, number]
  if (mode < 0) throw damagedTar('its mode is negative')
  if ([uid, gid].some((id) => id < 0 || id > MAX_ID)) throw damagedTar('its owner is out of range')
  if (isStar) for (const field of STAR_TIMES) numberIn(block, ...field)
  if (format !== 'gnu') return
  const unused = type === 'S' ? GNU_UNUSED : [...GNU_UNUSED, GNU_SPARSE]
  if (unused.some(([at, length]) => !isZeroField(block, at, length)))
    throw ambiguousTar('its header has data where GNU tar writes zeros')
}

/**
 * Reads a number of a header: octal digits, or, for larger numbers, GNU tar's binary
 * form. A field of NULs is 0.
 *
 * @throws VdcError FILE_REFUSED if it is malformed or out of range.
 */
export function numberIn(block: Buffer, at: number, length: number): number {
  if (block[at] === 0x80 || block[at] === 0xff) return binaryIn(block.subarray(at, at + length))
  const end = at + length
  let next = at
  while (next < end && block[next] === SPACE) next++
  const start = next
  let value = 0
  for (; next < end && ((block[next] as number) & ~7) === ZERO; next++)
    value = value * 8 + (block[next] as number) - ZERO
  const hasDigits = next > start
  while (next < end && (block[next] === SPACE || block[next] === 0)) next++
  if (next < end || !(hasDigits || isZeroField(block, at, length)))
    throw damagedTar('a number in its header is malformed')
  return value
}

/** Reads a binary number: two's complement without the first bit, which marks it as binary. */
function binaryIn(field: Buffer): number {
  const bits = 8 * field.length - 1
  const magnitude = BigInt.asUintN(bits, BigInt(`0x${field.toString('hex')}`))
  const value = Number(field[0] === 0xff ? BigInt.asIntN(bits, magnitude) : magnitude)
  if (!Number.isSafeInteger(value)) throw damagedTar('a number in its header is out of range')
  return value
}

function sizeIn(block: Buffer, name: string): number {
  try {
    const size = numberIn(block, ...SIZE)
    if (size < 0) throw damagedTar('its size is negative')
    return size
  } catch (error) {
    throw withMember(error, name)
  }
}

/**
 * Returns whether a file starts like a tar archive: with `ustar` in its first header
 * (POSIX and GNU), or with a valid checksum, as v7 archives have no signature.
 *
 * @param head its first bytes; 512 are needed.
 */
export function isTar(head: Buffer): boolean {
  if (head.length < BLOCK) return false
  if (head.toString('latin1', MAGIC[0], MAGIC[0] + 5) === 'ustar') return true
  return hasChecksum(head.subarray(0, BLOCK))
}

/**
 * Returns whether GNU tar would treat a tar archive as a compressed file, and fail.
 *
 * @param head its first bytes; 512 are needed.
 */
export function looksCompressed(head: Buffer, path: string): boolean {
  if (head.toString('latin1', MAGIC[0], MAGIC[0] + 5) === 'ustar') return false
  const start = head.toString('latin1', 0, 8)
  return COMPRESSED_NAME.test(path) || COMPRESSED.some((magic) => start.startsWith(magic))
}

function formatOf(block: Buffer): TarHeader['format'] {
  const magic = block.toString('latin1', MAGIC[0], MAGIC[0] + MAGIC[1])
  if (magic === 'ustar  \0') return 'gnu'
  if (magic.startsWith('ustar\0')) return 'posix'
  if (magic === '\0'.repeat(MAGIC[1])) return 'v7'
  throw damagedTar('the signature of a header is malformed')
}

/** Returns whether a header is in star's format, by GNU tar's rule. */
function isStar(block: Buffer): boolean {
  const hasTimes = STAR_TIMES.every(([at]) => /^[0-7].{10} $/s.test(block.toString('latin1', at, at + 12)))
  return block[STAR_PREFIX_END] === 0 && hasTimes
}

/** Returns whether the checksum of a header is right; some old programs summed signed bytes. */
function hasChecksum(block: Buffer): boolean {
  const [at, length] = CHECKSUM
  const digits = /^ *([0-7]+)[\0 ]*$/.exec(block.toString('latin1', at, at + length))?.[1]
  if (digits === undefined) return false
  // The field itself counts as spaces.
  let sum = length * 0x20
  let high = 0
  for (let each = 0; each < BLOCK; each++) {
    if (each >= at && each < at + length) continue
    const byte = block[each] as number
    sum += byte
    if (byte >= 0x80) high++
  }
  const expected = Number.parseInt(digits, 8)
  return expected === sum || expected === sum - 256 * high
}

function stringIn(block: Buffer, at: number, length: number): string {
  return block.toString('latin1', at, at + length).replace(/\0.*$/s, '')
}

function isZeroField(block: Buffer, at: number, length: number): boolean {
  return block.subarray(at, at + length).every((byte) => byte === 0)
}
