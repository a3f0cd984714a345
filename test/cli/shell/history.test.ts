import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { ShellHistory } from '../../../src/cli/shell/history.ts'
import { newFolder } from '../../support/files/images.ts'
import { NOBODY } from '../../support/process/root-home.ts'

/* The history file, which must not follow links; terminal.test.ts tests how it is used. */

const all = newFolder()
afterAll(() => all.remove())
let count = 0
let folder: string
let file: string
let victim: string
beforeEach(() => {
  folder = join(all.path, `data${++count}`)
  mkdirSync(folder)
  file = join(folder, 'shell_history')
  victim = join(folder, 'victim')
  writeFileSync(victim, 'precious\n')
  chmodSync(victim, 0o644)
})

/** Reads the history and adds a line, as a session does. Returns what it read. */
function session(line = 'image list'): string[] {
  const history = new ShellHistory(folder)
  const lines = history.read()
  history.add(line)
  return lines
}

describe.runIf(process.getuid?.() === 0)('the history is neither read nor written', () => {
  test.each<[string, () => unknown]>([
    ['a link', () => symlinkSync(victim, file)],
    ['a hard link', () => linkSync(victim, file)],
    ['a folder', () => mkdirSync(file)],
    ['a pipe', () => execa('mkfifo', [file])],
    ['a device', () => execa('mknod', [file, 'c', '1', '3'])],
    ['a file owned by another user', () => [writeFileSync(file, 'theirs\n'), chownSync(file, NOBODY, NOBODY)]],
  ])('if its file is %s', async (_, make) => {
    await make()
    const before = statSync(file)
    expect(session()).toEqual([])
    expect(readFileSync(victim, 'utf8')).toBe('precious\n')
    expect(statSync(victim).mode & 0o777).toBe(0o644)
    expect(statSync(file)).toMatchObject({ size: before.size, mode: before.mode, uid: before.uid, ino: before.ino })
  })

  test('if there is no folder for it', () => {
    const history = new ShellHistory(undefined)
    expect(history.read()).toEqual([])
    expect(() => history.add('image list')).not.toThrow()
  })
})

test('a file that others can read is made private', () => {
  writeFileSync(file, 'image list\n')
  chmodSync(file, 0o644)
  expect(session('account list')).toEqual(['image list'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).toBe('image list\naccount list\n')
})

test('only the end of a huge file is read and kept', () => {
  writeFileSync(file, '')
  truncateSync(file, 8 * 2 ** 30)
  appendFileSync(file, '\nimage list\naccount list\n')
  expect(session('image show').slice(0, 2)).toEqual(['account list', 'image list'])
  expect(statSync(file).size).toBeLessThan(2 ** 20 + 1000)
  expect(session('x').slice(0, 3)).toEqual(['image show', 'account list', 'image list'])
})

test('trimming goes through a new file and replaces any leftover one', () => {
  const lines = Array.from({ length: 2500 }, (_, at) => `image show wmi-${at}`)
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 })
  symlinkSync(victim, `${file}.new`)
  expect(session('account list').slice(0, 2)).toEqual(['image show wmi-2499', 'image show wmi-2498'])
  expect(readFileSync(victim, 'utf8')).toBe('precious\n')
  expect(existsSync(`${file}.new`)).toBe(false)
  expect(readdirSync(folder).sort()).toEqual(['shell_history', 'victim'])
  const kept = readFileSync(file, 'utf8').split('\n')
  expect(kept).toHaveLength(1002)
  expect([kept[0], kept[999], kept[1000]]).toEqual(['image show wmi-1500', 'image show wmi-2499', 'account list'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a line with a password or a token in a URL is not kept', () => {
  const line = 'image add url https://host.example/a.raw --into /srv'
  const secret = [
    ['//', '//user:secret@'],
    ['//', '//token@'],
    ['.raw', '.raw?token=secret'],
  ] as const
  const lines = [line, ...secret.map(([plain, more]) => line.replace(plain, more)), 'image list']
  for (const each of lines) new ShellHistory(folder).add(each)
  expect(readFileSync(file, 'utf8')).toBe(`${line}\nimage list\n`)
})
