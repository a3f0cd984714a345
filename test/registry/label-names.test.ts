import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isOwnName, isSameName } from '../../src/registry/rules/label-names.ts'
import { newMariadb, type TestDatabase } from '../support/databases/databases.ts'
import { nastyText, twinOf } from '../support/databases/nasty-registry.ts'
import { pick, randomFrom } from '../support/finding/finding.ts'

/*
 * The rule is at least as strict as each collation of the server that ignores case
 * and accents: names that a collation takes for equal are treated as equal.
 */

const SEED = Number(process.env.NAMES_SEED ?? 1)
const COLLATIONS = [
  'general_ci',
  'unicode_ci',
  'unicode_520_ci',
  'uca1400_ai_ci',
  'general_nopad_ci',
  'unicode_nopad_ci',
]
const CHARACTERS = Array.from({ length: 0x20000 - 0x20 }, (_, index) => index + 0x20)
  .filter((code) => !(code >= 0xd800 && code < 0xe000) && !(code >= 0x7f && code < 0xa0))
  .map((code) => String.fromCodePoint(code))

describe('label names', () => {
  let database: TestDatabase
  let known: Set<string>
  beforeAll(async () => {
    database = await newMariadb()
    const rows = await database.query('SHOW COLLATION')
    known = new Set(rows.map((row) => String(row.Collation)))
    await database.query('CREATE TABLE characters (c varchar(4) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)')
    for (let start = 0; start < CHARACTERS.length; start += 5000) {
      const some = CHARACTERS.slice(start, start + 5000)
      await database.query(`INSERT INTO characters VALUES ${some.map(() => '(?)').join(', ')}`, some)
    }
  })
  afterAll(() => database.remove())
  // uca1400 needs MariaDB 10.10.
  const isKnown = (collation: string) => known.has(`utf8mb4_${collation}`) || known.has(collation)

  test('the server has enough of the collations', () => {
    expect(COLLATIONS.filter(isKnown).length).toBeGreaterThan(3)
  })

  test.each(COLLATIONS)('characters that are equal in %s are treated as equal', async (collation) => {
    if (!isKnown(collation)) return
    const rows = await database.query(
      `SELECT c, HEX(WEIGHT_STRING(c COLLATE utf8mb4_${collation})) AS weight FROM characters`,
    )
    const byWeight = new Map<string, string[]>([[String(rows.find(({ c }) => c === ' ')?.weight), ['']]])
    const noWeight: string[] = []
    const wrong: [string, string][] = []
    for (const { c, weight } of rows) {
      const characters = byWeight.get(String(weight)) ?? []
      byWeight.set(String(weight), [...characters.slice(0, 1), String(c)])
      if (weight === '') noWeight.push(String(c))
      const [first] = characters
      if (first === undefined) continue
      // Only trailing spaces are ignored.
      const [one, other] = first === '' ? ['a', `a${c}`] : [`a${first}b`, `a${c}b`]
      if (!isSameName(one, other)) wrong.push([one, other])
    }
    for (const sign of noWeight)
      for (const name of [`a${sign}b`, `ab${sign}`, `ab ${sign}`, `${sign}ab`])
        if (!isSameName('ab', name)) wrong.push(['ab', name])
    expect(wrong).toEqual([])
    // Guards against a comparison that finds no equal characters.
    expect(byWeight.size).toBeLessThan(rows.length)
  })

  test.each(COLLATIONS)(`names that are equal in %s are treated as equal (seed ${SEED})`, async (collation) => {
    if (!isKnown(collation)) return
    const random = randomFrom(SEED)
    const names = Array.from({ length: 300 }, () => nastyText(random))
    for (const name of names.slice(0, 250)) {
      names.push(twinOf(random, name), twinOf(random, twinOf(random, pick(random, names))))
    }
    await database.query('CREATE OR REPLACE TABLE names (n varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)')
    await database.query(`INSERT INTO names VALUES ${names.map(() => '(?)').join(', ')}`, names)
    const pairs = await database.query(
      `SELECT a.n AS one, b.n AS other FROM names a JOIN names b ON a.n COLLATE utf8mb4_${collation} = b.n AND a.n < b.n`,
    )
    expect(pairs.length).toBeGreaterThan(20)
    expect(pairs.filter(({ one, other }) => !isSameName(String(one), String(other)))).toEqual([])
  })
})

test.each([
  ['os', 'arch'],
  ['a b', 'ab'],
  ['a-b', 'a_b'],
  ['東京', '京都'],
  ['は', 'へ'],
  ['', 'a'],
])('label names %j and %j differ', (one, other) => {
  expect(isSameName(one, other)).toBe(false)
})

test('the prefix vdc-manage. is reserved regardless of case, accents and width', () => {
  for (const name of [
    'vdc-manage.',
    'vdc-manage.x',
    'VDC-Manage.X',
    'vdc-mänage.sha256',
    'ｖｄｃ-manage.y',
    'vdc\u200d-manage.',
  ])
    expect([name, isOwnName(name)]).toEqual([name, true])
  for (const name of ['vdc-manage', 'vdc.manage.x', 'x.vdc-manage.', 'ｖｄｃ', '日本'])
    expect([name, isOwnName(name)]).toEqual([name, false])
})
