import type { Random } from './finding/finding.ts'

/** Returns functions that make random choices. */
export function choices(random: Random) {
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T
  const chance = (share: number) => random() < share
  return { below, pick, chance }
}

/** Returns bytes of a random pattern without zeros. */
export function bytesOf(random: Random, length: number): Buffer {
  const pattern = Buffer.from(Array.from({ length: 61 }, () => 1 + Math.floor(random() * 255)))
  return Buffer.alloc(length, pattern)
}
