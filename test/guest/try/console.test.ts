import { describe, expect, test } from 'vitest'
import { ConsoleReader } from '../../../src/guest/try/console.ts'
import type { GuestEvent } from '../../../src/guest/try/event.ts'
import { chunks, mutated, randomNumbers } from '../../support/guests/try/mutations.ts'
import { some } from '../../support/thorough.ts'

const textOf = (events: readonly GuestEvent[]) => events.map((event) => (event.kind === 'console' ? event.line : ''))
const lines = (text: string | Buffer) => textOf(new ConsoleReader().read(Buffer.from(text), 1))

const SCREEN = `\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16.2)\r\n\x1b[10;1HGNU GRUB  version 2.06\x1b[12;2H┌──┐
[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mMulti-User System\x1b[0m.\r\r\n\x1b]0;title\x07Größe\x1bP0;1q\x1b\\\x1b(B!\r\n`

describe('lines of a console', () => {
  test('have no control characters and escape sequences, and end where the cursor moves', () => {
    const expected = ['SeaBIOS (version 1.16.2)', 'GNU GRUB  version 2.06', '┌──┐']
    expect(lines(SCREEN)).toEqual([...expected, '[  OK  ] Reached target Multi-User System.', 'Größe!'])
  })

  test('are the same for chunks of any length', () => {
    const random = randomNumbers(3)
    for (let round = 0; round < 50; round++) {
      const reader = new ConsoleReader()
      const all = [...chunks(Buffer.from(SCREEN), random)].flatMap((chunk) => textOf(reader.read(chunk, 1)))
      expect(all).toEqual(lines(SCREEN))
    }
  })

  test.each([
    ['a\bb\t\x00c\x7f\n', ['b c']],
    ['fsck\x1b[60G[ OK ]\n', ['fsck [ OK ]']],
    ['10%\r20%\r\n', ['10%', '20%']],
    ['\x1b[31\nm\n', ['m']],
    ['\x1b]no end\nafter\n', ['after']],
    [`\x1b]${'x'.repeat(2000)}\n`, ['x'.repeat(400)]],
    ['\x1b\x1b[1mbold\n', ['bold']],
    ['\u009b31m\u202eabc\n', ['31mabc']],
    [Buffer.from([0xff, 0x9b, 0x41, 10]), ['A']],
    ['\n \n\x1b[2J\n', []],
  ])('%j', (text, expected) => {
    expect(lines(text)).toEqual(expected)
  })

  test('are cut', () => {
    expect(lines(`${'x'.repeat(2 ** 20)}\ny\n`)).toEqual(['x'.repeat(400), 'y'])
  })

  test('are reported before their end if they do not go on, once', () => {
    const reader = new ConsoleReader()
    expect(reader.read(Buffer.from('hello\nmicro login: '), 1000)).toHaveLength(1)
    expect(reader.tick(1200)).toEqual([])
    expect(reader.tick(1300)).toEqual([{ at: 1300, kind: 'console', line: 'micro login:' }])
    expect(reader.tick(2000)).toEqual([])
    expect(reader.read(Buffer.from('\r\n'), 2100)).toEqual([])
    reader.read(Buffer.from('Pass'), 2200)
    expect(textOf(reader.tick(2600))).toEqual(['Pass'])
    expect(textOf(reader.read(Buffer.from('word:\n'), 2700))).toEqual(['Password:'])
  })

  test('end after many, and megabytes take no time', () => {
    const reader = new ConsoleReader()
    const flood = Buffer.from('\x1b[31mflood\x1b]0;\x07\r\n'.repeat(50_000))
    const began = performance.now()
    let count = 0
    for (let round = 0; round < 10; round++) count += reader.read(flood, round).length
    expect(performance.now() - began).toBeLessThan(60_000)
    expect(count).toBe(100_000)
  })

  test('of thousands of damaged screens have no control characters', () => {
    const random = randomNumbers(4)
    for (let round = 0; round < some(50_000, 10); round++) {
      const reader = new ConsoleReader()
      const events = [...chunks(mutated(Buffer.from(SCREEN), random), random)].flatMap((chunk) => reader.read(chunk, 1))
      const all = textOf([...events, ...reader.tick(1000)])
      if (all.some((line) => line.length > 400 || /\p{C}/u.test(line))) throw new Error(JSON.stringify(all))
    }
  })
})
