import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { textWidth } from '../../../src/cli/terminal/text-width.ts'

const ROUNDS = 20_000
/** Last character of the plane that is measured without string-width. */
const LAST = 0xffff
/** Ranges of characters for random texts: plain ones, and those that join or change the character before. */
const MIXED = [
  [0x20, 0x7e],
  [0xa1, 0x377],
  [0x384, 0x52f],
  [0x3000, 0x30ff],
  [0x4e00, 0x4eff],
  [0xac00, 0xacff],
  [0xff01, 0xff9f],
  [0x1100, 0x11ff],
  [0x900, 0x97f],
  [0x200b, 0x200d],
  [0xfe0f, 0xfe0f],
  [0x1f1e6, 0x1f1ff],
  [0x1f466, 0x1f469],
  [0x1f3fb, 0x1f3ff],
] as const

/** Returns the texts whose width differs from that of string-width. */
function wrong(texts: Iterable<string>): string[] {
  return [...texts].filter((text) => textWidth(text) !== stringWidth(text)).map((text) => JSON.stringify(text))
}

function* everyCharacter() {
  for (let point = 0; point <= LAST; point++) yield String.fromCodePoint(point)
}

function* mixtures() {
  const below = (end: number) => Math.floor(Math.random() * end)
  for (let round = 0; round < ROUNDS; round++) {
    const points = Array.from({ length: 1 + below(6) }, () => {
      const [first, last] = MIXED[below(MIXED.length)] as (typeof MIXED)[number]
      return first + below(last - first + 1)
    })
    yield String.fromCodePoint(...points)
  }
}

test('every character is as wide as in string-width', () => {
  expect(wrong(everyCharacter())).toEqual([])
})

test('texts of several characters are as wide as in string-width', () => {
  expect(wrong(['', 'plain', 'サーバー 日本語', 'e\u0301', '👨‍👩‍👧‍👦 🇯🇵 ❤️ 1️⃣', '\u001b[1mbold\u001b[0m'])).toEqual([])
  expect(wrong(mixtures())).toEqual([])
})

test('narrow, wide, joined and combined characters have the right width', () => {
  const widths = { plain: 5, Größe: 5, Жук: 3, 日本: 4, ｱ: 1, Ａ: 2, 한글: 4, 'e\u0301': 1, '👨‍👩‍👧‍👦': 2, '🇯🇵': 2 }
  expect(Object.fromEntries(Object.keys(widths).map((text) => [text, textWidth(text)]))).toEqual(widths)
})
