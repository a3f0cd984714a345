import { chmodSync, copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { migrations } from '../../../migrations/index.ts'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import { openDatabase, openDatabaseToRead } from '../../../src/db/open.ts'
import { SQLITE_SCHEMA_VERSION } from '../../../src/db/sqlite/open.ts'
import { newSqlite } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, vdcManage } from '../../support/process/cli.ts'

test('the schema version of a file is the number of migrations', () => {
  expect(SQLITE_SCHEMA_VERSION).toBe(migrations.size)
})

test('migrations are numbered without gaps', () => {
  expect([...migrations.keys()].map((name) => Number(name.slice(0, 3)))).toEqual(
    [...migrations.keys()].map((_, i) => i + 1),
  )
})

test('a copy of the file alone has everything that was stored', async () => {
  const database = newSqlite()
  const copy = newSqlite()
  await vdcManage(['account', 'add', '--uuid', 'kept'], { database, reject: true })
  copyFileSync(database.uri.slice('sqlite://'.length), copy.uri.slice('sqlite://'.length))
  expect((await vdcManage(['account', 'list', '--quiet'], { database: copy })).stdout).toContain('a-kept\n')
  await database.remove()
  await copy.remove()
})

test('a read-only file can be listed, but not changed', async () => {
  const database = newSqlite()
  // In its own process, which closes the file at its end.
  await vdcManage(['account', 'list'], { database, process: true, reject: true })
  const path = database.uri.slice('sqlite://'.length)
  for (const name of [dirname(path), path, `${path}-wal`, `${path}-shm`])
    if (existsSync(name)) chmodSync(name, name === dirname(path) ? 0o755 : 0o644)
  const asNobody = (args: string[]) =>
    execa('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', PROGRAM, ...args], {
      env: environment({ database }),
      extendEnv: false,
      reject: false,
    })
  // Only root can run the program as another user.
  if (process.getuid?.() === 0) {
    // SQLite may leave its log and the log's index, or remove them.
    for (const isLogThere of [existsSync(`${path}-shm`), false]) {
      if (!isLogThere) for (const name of [`${path}-wal`, `${path}-shm`]) rmSync(name, { force: true })
      expect(await asNobody(['account', 'list', '--quiet'])).toMatchObject({
        exitCode: 0,
        stderr: '',
        stdout: 'a-00000000\na-shpoolxx',
      })
      const refused = await asNobody(['account', 'add'])
      expect(refused).toMatchObject({ exitCode: 6, stdout: '' })
      expect(refused.stderr).toMatch(/cannot be written to.*\nHint: Make the file and its folder writable$/)
    }
    // A log alone can be neither read nor removed.
    writeFileSync(`${path}-wal`, '')
    const unreadable = await asNobody(['account', 'list', '--quiet'])
    expect(unreadable).toMatchObject({ exitCode: 6, stdout: '' })
    expect(unreadable.stderr).not.toContain('bug')
    chmodSync(path, 0o600)
    expect((await asNobody(['account', 'list'])).stderr).toMatch(
      new RegExp(`^Error: The database sqlite://${path} cannot be opened: permission denied\nHint: Check that`),
    )
  }
  await database.remove()
})

test('every way to open a database refuses what is not a file or cannot be created', async () => {
  const { path, remove } = newFolder()
  await execa('mkfifo', [join(path, 'pipe')])
  for (const [name, says, hint] of [
    ['', 'is a folder', 'Name a file: VDC_MANAGE_DATABASE_URI=sqlite:///'],
    ['pipe', 'is not a regular file', 'Name a file: VDC_MANAGE_DATABASE_URI=sqlite:///'],
    ['none/x', `cannot be created: ${path}/none does not exist`, 'Create the folder, or correct'],
    ['pipe/x', `cannot be created: ${path}/pipe is not a writable folder`, 'Make it writable'],
  ] as const) {
    const file = join(path, name)
    const settings = parseDatabaseUri(`sqlite://${file}`, 'the test')
    for (const open of [
      () => openDatabase(settings),
      () => openDatabase(settings, { sqliteFile: 'imitate' }),
      () => openDatabaseToRead(settings, { patience: 0 }),
    ]) {
      await expect(open()).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
        exit: 6,
        message: `The database sqlite://${file} ${says}`,
        hint: expect.stringContaining(hint),
      })
    }
  }
  expect(readdirSync(path)).toEqual(['pipe'])
  remove()
})

test('migrates a file of an older release, and keeps its rows', async () => {
  const database = newSqlite()
  await vdcManage(['account', 'add', '--uuid', 'old'], { database, reject: true })
  await database.query('DROP TABLE tag_mappings')
  await database.query("DELETE FROM vdc_manage_migrations WHERE name IN ('007_tags', '008_system_accounts')")
  await database.query('PRAGMA user_version = 6')
  expect(await vdcManage(['account', 'list', '--quiet'], { database })).toMatchObject({
    code: 0,
    stdout: 'a-00000000\na-shpoolxx\na-old\n',
    stderr: '',
  })
  expect(await database.query('SELECT COUNT(*) AS n FROM tag_mappings')).toEqual([{ n: 0 }])
  await database.remove()
})
