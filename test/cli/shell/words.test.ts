import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { LineJoiner } from '../../../src/cli/shell/lines.ts'
import { splitLine } from '../../../src/cli/shell/words.ts'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { runScript } from '../../support/process/scripts.ts'

describe('words are split as in bash', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase('sqlite')
  })
  afterAll(() => database.remove())

  /** Splits each text with its own bash. Returns undefined for an unmatched quote. */
  async function wordsOfBash(texts: readonly string[]): Promise<(string[] | undefined)[]> {
    const each = `for text; do
      error=$(bash -c "printf '%s\\0' _ $text" 2>&1 >&3); printf '\\1%s %s\\0\\2' "$?" "$error" >&3
    done 3>&1`
    const { stdout } = await execa('bash', ['-c', each, 'bash', ...texts], { env: { LC_ALL: 'C.UTF-8' } })
    const answers = stdout.split('\u0002').slice(0, -1)
    expect(answers).toHaveLength(texts.length)
    return answers.map((answer) => {
      const [words = '', end = ''] = answer.split('\u0001')
      if (/^2 .*unexpected EOF while looking for matching/.test(end)) return undefined
      expect(end).toBe('0 \0')
      return words.split('\0').slice(1, -1)
    })
  }

  /** Splits each text with the program, as a line of a script: each word comes back as the ID of a missing image. */
  async function wordsOfProgram(texts: string[]): Promise<(string[] | undefined)[]> {
    const script = texts.flatMap((text) => [`image show --json -- _ _ ${text}`, 'account show a-shpoolxx --json'])
    const run = await runScript(database, script)
    const refused = new Map<number, string>()
    for (const [, line, words] of run.stderr.matchAll(/Unmatched . near .*\n(?:Hint: .*\n)?Line (\d+) failed: (.*)/g))
      refused.set(Number(line), words as string)
    const documents = run.stdout.split(/(?<=^[}\]]\n)/m).map((document) => JSON.parse(document))
    let number = 1
    const results = texts.map((text) => {
      const started = number
      number += text.split('\n').length + 1
      const answer = refused.has(started) ? undefined : (documents.shift() as { id: string }[])
      // A refused line must not swallow the next one.
      expect(documents.shift()).toMatchObject({ id: 'a-shpoolxx' })
      return answer?.slice(2).map(({ id }) => id)
    })
    expect(documents).toEqual([])
    return results
  }

  const TRICKY = [
    'plain',
    'two words',
    '  many \t blanks\t ',
    "'single quotes'",
    '"double quotes"',
    "''",
    '""',
    `'' "" ''`,
    `a"b c"d'e f'g`,
    `'it'\\''s'`,
    `"it's"`,
    `'say "yes"'`,
    '"say \\"yes\\""',
    'a\\ b',
    '\\a\\b\\\\',
    '"\\a\\b\\\\"',
    "'\\a\\b\\\\'",
    '"\\$HOME \\`id\\` \\! \\n"',
    "'$HOME `id` $(id) ! * ~ ; | & < > ( ) { }'",
    '"* ~ ; | & < > ( ) { } [a] ?"',
    '\\$HOME \\`id\\` \\* \\; \\| \\& \\< \\> \\( \\) \\~',
    'a#b #comment',
    "'#' a",
    '"#a" #b',
    '\\#a',
    "''#a",
    'a # b "',
    "a #'",
    "#'",
    'a=b --flag=value --flag="a b"',
    '--',
    '-x --json',
    '日本 "日 本" 😀 \'😀 😀\'',
    '\u00a0 a\u00a0b \u3000 \u2028',
    '"a\tb" a\\\tb',
    '"open',
    "'open",
    `"it's`,
    `'say "`,
    'a"b\\"',
    'a\\\nb',
    'a \\\n b',
    'a \\\n# b',
    'a\\\n#b',
    '"a\\\nb"',
    '"a \\\n b"',
    'a\\\\\\\nb',
    'a \\\n\\\n\\\nb',
    '"a\\\n',
  ]

  test('in tricky cases', async () => {
    const own = await wordsOfProgram(TRICKY)
    const right = await wordsOfBash(TRICKY)
    for (const [at, text] of TRICKY.entries()) expect([text, own[at]]).toEqual([text, right[at]])
    expect(own.filter((words) => words === undefined).length).toBeGreaterThanOrEqual(5)
  })

  test('in 400 random texts of quotes, backslashes, whitespace, hashes and letters', async () => {
    const texts: string[] = []
    let seed = 3
    // A seeded generator (Park and Miller), so that failures can be reproduced.
    const next = (below: number) => {
      seed = (seed * 48271) % 2147483647
      return seed % below
    }
    while (texts.length < 400) {
      const pieces = ['a', 'b', ' ', '\t', "'", '"', '\\', '\\', '#', '\\"', "'a'", '"b"', '日']
      let text = ''
      for (let length = 1 + next(12); length > 0; length--) text += pieces[next(pieces.length)]
      // A trailing backslash would continue the line.
      if (!text.endsWith('\\')) texts.push(text)
    }
    const own = await wordsOfProgram(texts)
    const right = await wordsOfBash(texts)
    for (const [at, text] of texts.entries()) expect([text, own[at]]).toEqual([text, right[at]])
    expect(own.filter((words) => words !== undefined).length).toBeGreaterThan(100)
  })

  test('in 300 random texts with operators, which run only if bash sees no operator', async () => {
    const texts: string[] = []
    let seed = 7
    const next = (below: number) => {
      seed = (seed * 48271) % 2147483647
      return seed % below
    }
    const pieces = ['a', 'b', ' ', '2', '=', '|', ';', '<', '>', "'", '"', '\\', "'>'", '";"', '\\|', "'a<b'"]
    while (texts.length < 300) {
      let text = 'x'
      for (let length = 1 + next(7); length > 0; length--) text += pieces[next(pieces.length)]
      if (splitLine(text).open === undefined) texts.push(text)
    }
    // Each in its own folder, where a redirection would leave a file, and without programs to run.
    const each = `for text; do
      cd "$(/bin/mktemp -d)"; error=$(PATH=/nonexistent /bin/bash -c "printf '%s\\0' $text" 2>&1 >&3); printf '\\1%s %s\\0\\2' "$?" "$error$(echo *)" >&3
    done 3>&1`
    const { stdout } = await execa('bash', ['-c', each, 'bash', ...texts], {
      env: { LC_ALL: 'C.UTF-8', TMPDIR: inject('folder') },
    })
    const answers = stdout.split('\u0002').slice(0, -1)
    expect(answers).toHaveLength(texts.length)
    const ofBash = texts.map((text, at) => {
      const [words = '', end = ''] = (answers[at] as string).split('\u0001')
      const own = splitLine(text).words.map(({ value }) => value)
      return end === '0 *\0' && words === own.map((word) => `${word}\0`).join('')
    })
    const ofProgram = texts.map((text) => new LineJoiner().add(text)?.problem === undefined)
    for (const [at, text] of texts.entries()) expect([text, ofProgram[at]]).toEqual([text, ofBash[at]])
    expect(ofBash.filter((isWord) => isWord).length).toBeGreaterThan(50)
    expect(ofBash.filter((isWord) => !isWord).length).toBeGreaterThan(50)
  })

  test('in quoted values, which are stored without their quotes', async () => {
    const texts = ["'# a'", '"a \\"b\\" c"', 'a\\ b\\#', "a'#'b", '"a \\\nb"', "''\\'\\'"]
    const values = (await wordsOfBash(texts)).map((words) => words?.[0])
    const lines = texts.flatMap((text) => [
      `account add --description ${text} --json`,
      `account add --json --description=${text}`,
    ])
    const run = await runScript(database, lines, ['-e'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const added = run.stdout.split(/(?<=^\}\n)/m).map((document) => JSON.parse(document))
    expect(added.map(({ description }) => description)).toEqual(values.flatMap((value) => [value, value]))
    const stored = await database.query('SELECT description FROM accounts ORDER BY id')
    expect(stored.slice(-added.length).map(({ description }) => description)).toEqual(
      added.map(({ description }) => description),
    )
  })
})
