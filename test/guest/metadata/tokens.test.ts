import { expect, test } from 'vitest'
import { lifeOf, Tokens } from '../../../src/guest/metadata/tokens.ts'

test('a token is good for its instance and its time', () => {
  let now = 1000.5
  const tokens = new Tokens(() => now)
  const token = tokens.issue('i-one', 2)
  expect(token).toMatch(/^[\w-]{54}$/)
  expect(tokens.accepts(token, 'i-one')).toBe(true)
  expect(tokens.accepts(token, 'i-two')).toBe(false)
  now += 1999
  expect(tokens.accepts(token, 'i-one')).toBe(true)
  now += 2
  expect(tokens.accepts(token, 'i-one')).toBe(false)
  now -= 2000
  expect(new Tokens(() => now).accepts(token, 'i-one')).toBe(false)
})

test('a token that is changed is refused', () => {
  const tokens = new Tokens()
  const bytes = Buffer.from(tokens.issue('i-one', 60), 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ 1
    expect(tokens.accepts(changed.toString('base64url'), 'i-one')).toBe(false)
  }
  for (const text of ['', 'x', 'é', '='.repeat(54), 'A'.repeat(8000)]) expect(tokens.accepts(text, 'i-one')).toBe(false)
})

test('a life is a whole number of seconds, up to six hours', () => {
  expect(['1', '60', '21600'].map(lifeOf)).toEqual([1, 60, 21600])
  for (const text of [undefined, '', '0', '-1', '1.5', '1e3', '21601', '99999999999', ' 5', 'x', '5, 6'])
    expect(lifeOf(text)).toBe(undefined)
})
