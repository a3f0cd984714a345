import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { migrations } from '../../../migrations/index.ts'
import { newDatabase, newMariadb, newSqlite, type TestDatabase } from '../../support/databases/databases.ts'
import { type MysqlProxy, startProxy } from '../../support/databases/mysql-proxy.ts'
import { schemaOf } from '../../support/databases/schema.ts'
import { vdcManage } from '../../support/process/cli.ts'
import { some } from '../../support/thorough.ts'

const made: TestDatabase[] = []
const keep = (database: TestDatabase): TestDatabase => {
  made.push(database)
  return database
}
afterAll(async () => {
  for (const database of made) await database.remove()
})

const bookkeeping = async (database: TestDatabase) => ({
  lock: await database.query('SELECT is_locked FROM vdc_manage_migrations_lock'),
  names: (await database.query('SELECT name FROM vdc_manage_migrations ORDER BY name, id')).map(({ name }) => name),
})

/** Runs one `db migrate` per delay at once. Each waits at the statements that match its delay. */
async function migrateAtOnce(database: TestDatabase, delays: readonly RegExp[]) {
  const { port } = inject('mariadb')
  const proxies: MysqlProxy[] = []
  for (const delay of delays) {
    proxies.push(
      await startProxy(port, async (_, sql) => {
        // There are nine tables, and the others wait five seconds for all of them.
        if (delay.test(sql)) await sleep(/^create table/i.test(sql) ? 100 : 400)
        return 'pass' as const
      }),
    )
  }
  const runs = await Promise.all(
    proxies.map((proxy) =>
      vdcManage(['db', 'migrate'], {
        database: { uri: database.uri.replace(`:${port}/`, `:${proxy.port}/`) },
        process: true,
      }),
    ),
  )
  for (const proxy of proxies) await proxy.close()
  return runs
}

/** Migrates a new database, and another one if a busy host lets a wait end before the migration. */
async function migrateNew(delays: readonly RegExp[]) {
  for (let attempt = 1; ; attempt++) {
    const database = keep(await newMariadb())
    const runs = await migrateAtOnce(database, delays)
    if (attempt === 5 || !runs.some(({ stderr }) => stderr.includes('Another migration')))
      return [database, runs] as const
  }
}

describe('concurrent migrations', () => {
  test.each([
    ['without delays', Array(some(8, 2)).fill(/^never/)],
    ['all slow to create the lock', Array(some(6, 2)).fill(/^insert .*_lock/i)],
    ['all slow to look for the lock', Array(some(6, 2)).fill(/^select .*_lock/i)],
    ['all slow to create tables', Array(some(6, 2)).fill(/^create table/i)],
    ['all slow to take the lock', Array(some(6, 2)).fill(/^update .*_lock/i)],
    ['slow at different statements', [/^create table/i, /^insert .*_lock/i, /^select .*_lock/i, /^update .*_lock/i]],
  ])('one migrates a new database, and the others wait for it: %s', async (_, delays) => {
    const [database, runs] = await migrateNew(delays)
    expect(runs.map(({ code, stdout, stderr }) => [code, stdout, code === 0 ? '' : stderr])).toEqual(
      runs.map(() => [0, '', '']),
    )
    const told = runs.map(({ stderr }) => stderr).sort()
    expect(told.filter((text) => text.startsWith('Migrated: 001_accounts, '))).toHaveLength(1)
    expect(told.filter((text) => text === 'Nothing to migrate\n')).toHaveLength(runs.length - 1)
    const { lock, names } = await bookkeeping(database)
    expect(lock).toEqual([{ is_locked: 0 }])
    expect(names).toHaveLength(migrations.size)
    expect(new Set(names).size).toBe(migrations.size)
    expect(await schemaOf(database)).toBe(await schemaOf(keep(await newDatabase('mariadb'))))
  })
})

/** Creates a database with a pending migration and the lock rows that older releases could leave. */
async function withLocks(locks: readonly number[]): Promise<TestDatabase> {
  const database = keep(await newDatabase('mariadb'))
  await database.query('DROP TABLE tag_mappings')
  await database.query("DELETE FROM vdc_manage_migrations WHERE name = '007_tags'")
  await database.query('DELETE FROM vdc_manage_migrations_lock')
  for (const is of locks) await database.query(`INSERT INTO vdc_manage_migrations_lock (is_locked) VALUES (${is})`)
  return database
}

describe('a lock table of an older release', () => {
  test.each([
    ['no row', []],
    ['two rows', [0, 0]],
    ['three rows', [0, 0, 0]],
  ])('%s: migrates, and leaves one row', async (_, locks) => {
    const database = await withLocks(locks)
    expect(await vdcManage(['db', 'migrate'], { database })).toMatchObject({ code: 0, stderr: 'Migrated: 007_tags\n' })
    expect((await bookkeeping(database)).lock).toEqual([{ is_locked: 0 }])
  })

  test.each([
    ['one row', [1]],
    ['two rows', [1, 1]],
    ['two rows, one of them locked', [0, 1]],
  ])('locked in %s: refuses to migrate, and --unlock repairs it', async (_, locks) => {
    const database = await withLocks(locks)
    const locked = await vdcManage(['db', 'migrate'], { database })
    expect(locked).toMatchObject({ code: 5, stdout: '' })
    expect(locked.stderr).toMatch(/^Error: Another migration .*\nHint: .*db migrate --unlock\n$/)
    expect(await database.query("SHOW TABLES LIKE 'tag_mappings'")).toEqual([])
    expect(await vdcManage(['db', 'migrate', '--unlock'], { database })).toMatchObject({ code: 0 })
    expect((await bookkeeping(database)).lock).toEqual([{ is_locked: 0 }])
    expect(await database.query("SHOW TABLES LIKE 'tag_mappings'")).toHaveLength(1)
  })
})

test('concurrent processes create an SQLite file once', async () => {
  const database = keep(newSqlite())
  const runs = await Promise.all(
    Array.from({ length: some(8, 2) }, () => vdcManage(['db', 'migrate'], { database, process: true })),
  )
  expect(runs.map(({ code }) => code)).toEqual(runs.map(() => 0))
  const { lock, names } = await bookkeeping(database)
  expect(lock).toEqual([{ is_locked: 0 }])
  expect(names).toHaveLength(migrations.size)
})
