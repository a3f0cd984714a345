import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { shell, vdcManage } from '../../support/process/cli.ts'

/* File modes of a new registry. */

const folder = newFolder()
afterAll(() => folder.remove())

let count = 0
function newHome(): string {
  const home = join(folder.path, `home${++count}`)
  mkdirSync(home)
  return home
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** Returns the modes of a database file and of the files beside it, by the suffix of their names. */
function modes(path: string): Record<string, string> {
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))
  return Object.fromEntries(names.map((name) => [name.slice(basename(path).length), modeOf(join(dirname(path), name))]))
}

const OURS = { '': '600', '-wal': '600', '-shm': '600' }

describe.each(['000', '022'])('with umask %s', (umask) => {
  test('only the owner can access the embedded registry and its folders', async () => {
    const home = newHome()
    const run = await shell(`umask ${umask}; vdc-manage account list --quiet`, { env: { HOME: home } })
    expect(run).toMatchObject({ code: 0, stdout: 'a-00000000\na-shpoolxx\n' })
    const data = join(home, '.local/share/vdc-manage')
    for (const path of [data, dirname(data), dirname(dirname(data))]) expect(modeOf(path)).toBe('700')
    expect(modes(join(data, 'registry.sqlite'))).toEqual(OURS)
  })

  test('only the owner can access a file that a URI names', async () => {
    const path = join(newHome(), 'named.sqlite')
    const run = await shell(`umask ${umask}; vdc-manage account list --quiet`, {
      env: { VDC_MANAGE_DATABASE_URI: `sqlite://${path}` },
    })
    expect(run).toMatchObject({ code: 0, stderr: `Created a new registry: ${path}\n` })
    expect(modes(path)).toEqual(OURS)
  })
})

test('existing files and folders keep their modes', async () => {
  const home = newHome()
  const data = join(home, '.local/share/vdc-manage')
  mkdirSync(data, { recursive: true, mode: 0o755 })
  const path = join(data, 'registry.sqlite')
  writeFileSync(path, '')
  chmodSync(path, 0o644)
  await vdcManage(['account', 'list'], { env: { HOME: home }, reject: true })
  expect(modeOf(data)).toBe('755')
  expect(modes(path)).toEqual({ '': '644', '-wal': '644', '-shm': '644' })
})

test('several processes can create a registry at once, and use an empty file that a killed process left', async () => {
  const path = join(newHome(), 'registry.sqlite')
  const line = 'vdc-manage account add'
  const run = await shell(`for i in 1 2 3 4 5 6 7 8; do ${line} & done; wait`, {
    env: { VDC_MANAGE_DATABASE_URI: `sqlite://${path}` },
  })
  // Only one of the processes made it.
  expect(run.stderr).toBe(`Created a new registry: ${path}\n`)
  expect(run.stdout).toMatch(/^(?:a-\w{8}\n){8}$/)
  expect(modes(path)).toEqual(OURS)
  const empty = join(dirname(path), 'empty.sqlite')
  writeFileSync(empty, '', { mode: 0o600 })
  const list = await vdcManage(['account', 'list', '--quiet'], {
    env: { VDC_MANAGE_DATABASE_URI: `sqlite://${empty}` },
  })
  expect(list).toMatchObject({ code: 0, stdout: 'a-00000000\na-shpoolxx\n' })
})

test('refuses a link to a file that does not exist, and creates nothing', async () => {
  const home = newHome()
  const path = join(home, 'link.sqlite')
  symlinkSync(join(home, 'target.sqlite'), path)
  const env = { VDC_MANAGE_DATABASE_URI: `sqlite://${path}` }
  for (const words of [
    ['account', 'list'],
    ['account', 'add', '--dry-run'],
    ['db', 'status'],
  ]) {
    expect(await vdcManage(words, { env })).toMatchObject({
      code: 6,
      stdout: '',
      stderr: `Error: The database sqlite://${path} is a link to a file that does not exist\nHint: Remove the link, or name the file that it points to\n`,
    })
  }
  expect(readdirSync(home)).toEqual(['link.sqlite'])
  // A link to an existing file is accepted.
  writeFileSync(join(home, 'target.sqlite'), '')
  expect(await vdcManage(['account', 'list'], { env })).toMatchObject({ code: 0 })
  expect(existsSync(join(home, 'target.sqlite-wal'))).toBe(true)
})
