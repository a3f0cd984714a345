import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { allOf } from '../../src/cli/session/stdin-ids.ts'
import { inOrder } from '../../src/core/in-order.ts'

const OPTIONS = { most: 3, ahead: 5 }

test('yields results in the order of the items, however long each takes', async () => {
  const items = Array.from({ length: 50 }, (_, at) => at)
  const work = async (item: number) => {
    await sleep((item * 7) % 11)
    return item * 2
  }
  expect(await allOf(inOrder(items, work, OPTIONS))).toEqual(items.map((item) => item * 2))
  expect(await allOf(inOrder([], work, OPTIONS))).toEqual([])
})

test('works on at most so many items, and holds at most so many results', async () => {
  let [running, most, started, ahead] = [0, 0, 0, 0]
  let open = () => {}
  const first = new Promise<void>((resolve) => {
    open = resolve
  })
  const work = async (item: number) => {
    started++
    most = Math.max(most, ++running)
    await (item === 0 ? first : sleep(1))
    running--
    return item
  }
  const results = inOrder(
    Array.from({ length: 40 }, (_, at) => at),
    work,
    OPTIONS,
  )
  const next = results.next()
  await sleep(100)
  ahead = started
  open()
  expect(await next).toEqual({ value: 0, done: false })
  expect(await allOf(results)).toHaveLength(39)
  expect({ most, ahead }).toEqual({ most: 3, ahead: 5 })
})

test('throws an error after the results of earlier items, and discards those of later ones', async () => {
  const discarded: number[] = []
  const work = async (item: number) => {
    await sleep(item === 2 ? 20 : 1)
    if (item === 2) throw new Error('no')
    return item
  }
  const seen: number[] = []
  const results = inOrder([0, 1, 2, 3, 4], work, { ...OPTIONS, discard: async (item) => discarded.push(item) })
  await expect(async () => {
    for await (const item of results) seen.push(item)
  }).rejects.toThrow('no')
  expect(seen).toEqual([0, 1])
  expect(discarded).toEqual([3, 4])
})

test('yields what is known while it waits for more items, and throws their error last', async () => {
  let fail = (_: Error) => {}
  const failing = new Promise<number>((_, reject) => {
    fail = reject
  })
  const items = async function* () {
    yield 1
    yield await failing
  }
  const results = inOrder(items(), async (item) => item, OPTIONS)
  expect(await results.next()).toEqual({ value: 1, done: false })
  fail(new Error('gone'))
  await expect(results.next()).rejects.toThrow('gone')
})

test('ends when the caller stops, though more items may come', async () => {
  const items = async function* () {
    yield 1
    yield await new Promise<number>(() => {})
  }
  for await (const item of inOrder(items(), async (each) => each, OPTIONS)) {
    expect(item).toBe(1)
    break
  }
})
