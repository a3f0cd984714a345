import type { Random } from './finding/finding.ts'

/** Ways to choose at random. */
export function choices(random: Random) {
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T
  const chance = (share: number) => random() < share
  return { below, pick, chance }
}

/** Bytes without zeros, of a pattern that is another one each time. */
export function bytesOf(random: Random, length: number): Buffer {
  const pattern = Buffer.from(Array.from({ length: 61 }, () => 1 + Math.floor(random() * 255)))
  return Buffer.alloc(length, pattern)
}
