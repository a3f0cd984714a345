import { gzipSync } from 'node:zlib'
import { choices } from '../choices.ts'
import type { Random } from '../finding/finding.ts'

/** Compresses bytes as `gzip` does, or in unusual ways. */
export function gzipOf(random: Random, bytes: Buffer, story: string[]): Buffer {
  const { below, pick, chance } = choices(random)
  const level = pick([0, 1, 6, 9])
  let parts: Buffer[] = [gzipSync(bytes, { level })]
  if (chance(0.2)) {
    const at = below(bytes.length + 1)
    parts = [gzipSync(bytes.subarray(0, at)), gzipSync(bytes.subarray(at))]
    story.push('two gzip members')
  }
  if (chance(0.05)) parts.push(gzipSync(''))
  if (chance(0.25)) {
    const index = below(parts.length)
    parts[index] = withHeader(random, parts[index] as Buffer, story)
  }
  let packed: Buffer = Buffer.concat(parts)
  if (chance(0.25)) {
    const [what, tail] = pick<[string, Buffer]>([
      ['zeros at the end', Buffer.alloc(pick([1, 2, 100, 5000]))],
      ['zeros and junk at the end', Buffer.concat([Buffer.alloc(pick([1, 2, 3, 100])), Buffer.from('junk')])],
      ['junk at the end', Buffer.from(pick(['x', 'xy', '\x1f', '\n', 'junk']))],
      ['half a header at the end', gzipSync('x').subarray(0, 1 + below(12))],
      ['half a member at the end', gzipSync(Buffer.alloc(1000)).subarray(0, 12 + below(10))],
      ['another magic number at the end', Buffer.from('1f9e0800000000000003', 'hex')],
      ['LZW at the end', Buffer.from('1f9d90', 'hex')],
      ['pack at the end', Buffer.from('1f1e00000000', 'hex')],
      ['a wrong method at the end', Buffer.from('1f8b0900000000000003', 'hex')],
      ['zeros and a member at the end', Buffer.concat([Buffer.alloc(pick([1, 8])), gzipSync('x')])],
    ])
    packed = Buffer.concat([packed, tail])
    story.push(what)
  }
  if (chance(0.15)) {
    const at = chance(0.5) ? packed.length - 1 - below(Math.min(12, packed.length)) : below(packed.length)
    packed[at] = (packed[at] as number) ^ (1 << below(8))
    story.push(`bit of byte ${at} of gzip`)
  }
  if (chance(0.05)) {
    packed = packed.subarray(0, below(packed.length))
    story.push(`gzip cut to ${packed.length}`)
  }
  return packed
}

/** Returns a gzip member with other header fields, some of them invalid. */
function withHeader(random: Random, member: Buffer, story: string[]): Buffer {
  const { pick, chance } = choices(random)
  const flags = pick([0x01, 0x02, 0x04, 0x08, 0x10, 0x1f, 0x0c, 0x20, 0x40, 0x80])
  const head = Buffer.from(member.subarray(0, 10))
  head[3] = flags
  const parts: Buffer[] = [head]
  if (flags & 0x04) parts.push(Buffer.from([4, 0, 65, 66, 0, 0]))
  if (flags & 0x08) parts.push(Buffer.from('disk.raw\0'))
  if (flags & 0x10) parts.push(Buffer.from('a comment\0'))
  if (flags & 0x02) parts.push(crc16(Buffer.concat(parts), chance(0.3)))
  story.push(`gzip flags ${flags.toString(16)}`)
  return Buffer.concat([...parts, member.subarray(10)])
}

/** Returns the checksum of a header: half of the CRC-32 that gzip writes after the same bytes. */
function crc16(bytes: Buffer, isWrong: boolean): Buffer {
  const packed = gzipSync(bytes)
  const crc = Buffer.from(packed.subarray(packed.length - 8, packed.length - 6))
  if (isWrong) crc[0] = (crc[0] as number) ^ 1
  return crc
}
