import { bytesOf, choices } from '../choices.ts'
import type { Random } from '../finding/finding.ts'
import { gzipOf } from './gzip-bytes.ts'
import { BLOCK, checksumOf, entryBytes, FIELDS } from './tar-bytes.ts'
import { newDraft, SIZES } from './tar-drafts.ts'
import { MUTATIONS } from './tar-mutations.ts'

/*
 * Random archives as programs write them, with changes that no program makes. About a third
 * have no changes.
 */

/** An archive, and a description of its changes. */
export interface MadeArchive {
  kind: 'tar' | 'tgz' | 'gz'
  bytes: Buffer
  story: string
}

/** Makes a random archive. */
export function makeArchive(random: Random): MadeArchive {
  const { below, pick, chance } = choices(random)
  const story: string[] = []
  if (chance(0.15)) {
    const body = bytesOf(random, pick(SIZES) * pick([1, 1, 1, 20]))
    return { kind: 'gz', bytes: gzipOf(random, body, story), story: story.join('; ') }
  }
  const draft = newDraft(random)
  for (let count = pick([0, 0, 1, 1, 1, 2, 3]); count > 0; count--) pick(MUTATIONS)(draft, random)
  let bytes: Buffer = Buffer.concat([...draft.entries.map(entryBytes), draft.tail])
  story.push(...draft.story)
  if (chance(0.12)) bytes = flipped(random, bytes, story)
  if (chance(0.03)) {
    bytes = bytes.subarray(0, below(bytes.length))
    story.push(`cut to ${bytes.length}`)
  }
  if (chance(0.6)) return { kind: 'tar', bytes, story: story.join('; ') }
  return { kind: 'tgz', bytes: gzipOf(random, bytes, story), story: story.join('; ') }
}

/**
 * Changes some bytes in an archive's headers and corrects the checksums, so that GNU tar
 * reads the other fields.
 */
export function flipped(random: Random, bytes: Buffer, story: string[]): Buffer {
  const { below, pick } = choices(random)
  const changed = Buffer.from(bytes)
  const blocks = changed.length / BLOCK
  if (blocks < 1) return changed
  for (let count = pick([1, 1, 2, 3]); count > 0; count--) {
    const block = below(Math.min(blocks, 8)) * BLOCK
    const [from, length] = pick([...Object.values(FIELDS), [0, BLOCK] as const])
    const at = block + from + below(length)
    const value = pick([0, 0x20, 0x30, 0x31, 0x37, 0x80, 0xff, below(256)])
    changed[at] = value
    story.push(`byte ${at} is 0x${value.toString(16)}`)
    const header = changed.subarray(block, block + BLOCK)
    if (header.length === BLOCK) header.write(checksumOf(header), FIELDS.checksum[0], 'latin1')
  }
  return changed
}
