import { expect, test } from 'vitest'
import { KeptBytes } from '../../../src/guest/try/kept-bytes.ts'

test('keeps the beginning of a stream', () => {
  const kept = new KeptBytes(300_000)
  expect(kept.bytes()).toEqual(Buffer.alloc(0))
  const sent = Buffer.from(Array.from({ length: 400_000 }, (_, at) => at % 251))
  const cuts = [0, 1, 1, 5, 70_000, 70_001, 290_000, 305_000, 400_000]
  for (const [index, cut] of cuts.slice(1).entries()) {
    kept.add(sent.subarray(cuts[index], cut))
    expect(kept.bytes().equals(sent.subarray(0, Math.min(cut, 300_000)))).toBe(true)
  }
})

test('keeps bytes that come one by one', () => {
  const kept = new KeptBytes(100_000)
  for (let sent = 0; sent < 200_000; sent++) kept.add(Buffer.from([sent & 255]))
  expect(kept.bytes()).toHaveLength(100_000)
  expect(kept.bytes().subarray(-2)).toEqual(Buffer.from([158, 159]))
})
