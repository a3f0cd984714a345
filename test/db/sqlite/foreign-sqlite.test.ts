import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Libsql from 'libsql'
import { expect, test } from 'vitest'
import { newDatabase } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'

const COMMANDS = [
  ['image', 'list'],
  ['image', 'show', 'wmi-x'],
  ['account', 'add'],
  ['account', 'add', '--dry-run'],
  ['db', 'migrate'],
  ['db', 'migrate', '--unlock'],
  ['db', 'status'],
  ['registry', 'import', '/dev/null'],
  ['doctor'],
]

/** Databases of other programs: what they have, and the SQL that makes them. */
const FOREIGN: readonly [name: string, sql: string[]][] = [
  ['tables of its own', ['CREATE TABLE places (a)', 'INSERT INTO places VALUES (1)']],
  ['tables with names of ours', ['CREATE TABLE images (a)', 'CREATE TABLE accounts (uuid, enabled)']],
  ['a schema version of ours', ['CREATE TABLE places (a)', 'PRAGMA user_version = 8']],
  ['a low schema version', ['CREATE TABLE places (a)', 'PRAGMA user_version = 1']],
  ['a high schema version', ['CREATE TABLE places (a)', 'PRAGMA user_version = 77']],
  ['a schema version and no tables', ['PRAGMA user_version = 3']],
  ['an application ID and no tables', ['PRAGMA application_id = 252006675']],
]

test.each(FOREIGN.flatMap(([name, sql]) => (['DELETE', 'WAL'] as const).map((mode) => [name, mode, sql] as const)))(
  'refuses a database of another program with %s and journal mode %s, and leaves it unchanged',
  async (_, mode, sql) => {
    const folder = newFolder()
    const path = join(folder.path, 'other.sqlite')
    const made = new Libsql(path)
    made.exec(`PRAGMA journal_mode = ${mode}`)
    for (const each of sql) made.exec(each)
    if (mode === 'WAL') made.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    made.close()
    // Other programs leave it without these files, because SQLite removes them when they close it.
    for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true })
    const before = readFileSync(path)
    const database = { uri: `sqlite://${path}` }
    for (const args of COMMANDS) {
      const run = await vdcManage(args, { database })
      expect([args, run.code]).toEqual([args, 6])
      expect(run.stdout + run.stderr).toMatch(
        /other\.sqlite belongs to another program: it has no tables of vdc-manage\n *Hint: Name another file/,
      )
      expect(readdirSync(folder.path)).toEqual(['other.sqlite'])
      expect(readFileSync(path).equals(before)).toBe(true)
    }
    folder.remove()
  },
)

test('refuses a database that another program has open, with all of its tables in the WAL', async () => {
  const folder = newFolder()
  const path = join(folder.path, 'other.sqlite')
  const open = new Libsql(path)
  open.exec('PRAGMA journal_mode = WAL')
  open.exec('CREATE TABLE places (a)')
  const names = readdirSync(folder.path)
  const before = names.filter((name) => !name.endsWith('-shm')).map((name) => readFileSync(join(folder.path, name)))
  // Reading the files dropped the locks of this process: whoever closes the database would remove its WAL.
  for (const args of COMMANDS) {
    const run = await vdcManage(args, { database: { uri: `sqlite://${path}` }, process: true })
    expect([args, run.code]).toEqual([args, 6])
    expect(run.stdout + run.stderr).toMatch(/belongs to another program/)
  }
  expect(readdirSync(folder.path)).toEqual(names)
  const after = names.filter((name) => !name.endsWith('-shm')).map((name) => readFileSync(join(folder.path, name)))
  expect(after.every((bytes, index) => bytes.equals(before[index] as Buffer))).toBe(true)
  open.close()
  folder.remove()
})

test('accepts our own database, also without its WAL, and an empty one', async () => {
  const database = await newDatabase('sqlite')
  expect(await vdcManage(['account', 'list'], { database })).toMatchObject({ code: 0 })
  await database.remove()
  const folder = newFolder()
  const path = join(folder.path, 'empty.sqlite')
  const empty = new Libsql(path)
  empty.exec('PRAGMA journal_mode = WAL')
  empty.close()
  expect(await vdcManage(['account', 'list'], { database: { uri: `sqlite://${path}` } })).toMatchObject({ code: 0 })
  folder.remove()
})
