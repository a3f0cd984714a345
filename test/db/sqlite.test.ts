import { expect, test } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import { SQLITE_SCHEMA_VERSION } from '../../src/db/sqlite.ts'
import { vdcManage } from '../support/cli.ts'
import { newSqlite } from '../support/databases.ts'

test('the version that a file is checked for is the number of the migrations', () => {
  expect(SQLITE_SCHEMA_VERSION).toBe(migrations.size)
})

test('the names of the migrations are numbered without a gap', () => {
  expect([...migrations.keys()].map((name) => Number(name.slice(0, 3)))).toEqual(
    [...migrations.keys()].map((_, i) => i + 1),
  )
})

test('a file that an older release made is brought up to date, and keeps its rows', async () => {
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
