import { afterAll, describe, expect, test } from 'vitest'
import { newDatabase, newMariadb, newSqlite, type TestDatabase } from '../../support/databases/databases.ts'
import { schemaOf } from '../../support/databases/schema.ts'
import { vdcManage, vdcManageJson } from '../../support/process/cli.ts'

const made: TestDatabase[] = []
const keep = <T extends TestDatabase>(database: T): T => {
  made.push(database)
  return database
}
afterAll(async () => {
  for (const database of made) await database.remove()
})

const MIGRATIONS = [
  '001_accounts',
  '002_images',
  '003_backup_objects',
  '004_backup_storages',
  '005_histories',
  '006_resource_labels',
  '007_tags',
  '008_system_accounts',
  '009_purged_ids',
]

describe('db on MariaDB', () => {
  test('does not migrate by itself: status lists pending migrations, and commands name db migrate', async () => {
    const database = keep(await newMariadb())
    const status = await vdcManage(['db', 'status'], { database })
    expect(status.code).toBe(7)
    for (const name of MIGRATIONS) expect(status.stdout).toMatch(new RegExp(`^${name} +pending$`, 'm'))
    for (const args of [
      ['image', 'list'],
      ['image', 'show', 'wmi-x'],
      ['account', 'list'],
      ['account', 'add'],
    ]) {
      const run = await vdcManage(args, { database })
      expect(run).toMatchObject({
        code: 7,
        stdout: '',
        stderr: expect.stringMatching(/^Error: .*\nHint: Run: vdc-manage db migrate\n$/),
      })
    }
    expect(await database.query('SHOW TABLES')).toEqual([])

    expect(await vdcManage(['db', 'migrate'], { database })).toMatchObject({ code: 0, stdout: '' })
    expect(await vdcManageJson(['db', 'status'], { database })).toEqual({
      database: database.uri,
      engine: 'mysql',
      pending: 0,
      wakame_schema: null,
      migrations: MIGRATIONS.map((name) => ({ name, state: 'applied' })),
    })
    expect(await vdcManage(['db', 'migrate'], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Nothing to migrate\n',
    })
    expect(await vdcManage(['image', 'list', '--quiet'], { database })).toMatchObject({ code: 0, stdout: '' })
  })

  test('creates the schema of dcmgr.md', async () => {
    const database = keep(await newMariadb())
    await vdcManage(['db', 'migrate'], { database, reject: true })
    await expect(await schemaOf(database)).toMatchFileSnapshot('../../golden/schema.mariadb.txt')
  })

  test('continues a migration that was killed', async () => {
    const database = keep(await newDatabase('mariadb'))
    await database.query('DROP TABLE tag_mappings')
    await database.query("DELETE FROM vdc_manage_migrations WHERE name IN ('007_tags', '008_system_accounts')")
    await database.query("DELETE FROM accounts WHERE uuid = 'shpoolxx'")
    await database.query('UPDATE vdc_manage_migrations_lock SET is_locked = 1')
    const locked = await vdcManage(['db', 'migrate'], { database })
    expect(locked).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringContaining('vdc-manage db migrate --unlock'),
    })
    expect(await vdcManage(['db', 'migrate', '--unlock'], { database })).toMatchObject({ code: 0 })
    expect(await database.query('SELECT uuid FROM accounts ORDER BY id')).toEqual([
      { uuid: '00000000' },
      { uuid: 'shpoolxx' },
    ])
    expect(await database.query("SHOW TABLES LIKE 'tag_mappings'")).toHaveLength(1)
  })

  test('works with a database of Wakame-vdc without migrating, and migrating changes nothing', async () => {
    const database = keep(await newMariadb(undefined, 'utf8mb3'))
    // Its own tables, and one of many that are not ours.
    const ours = keep(await newDatabase('mariadb'))
    const name = (uri: string) => uri.split('/').at(-1)
    for (const table of [
      'accounts',
      'images',
      'backup_objects',
      'backup_storages',
      'histories',
      'resource_labels',
      'tags',
      'tag_mappings',
    ]) {
      await database.query(`CREATE TABLE ${table} LIKE ${name(ours.uri)}.${table}`)
      await database.query(`ALTER TABLE ${table} CONVERT TO CHARACTER SET utf8mb3`)
    }
    await database.query('ALTER TABLE images DROP INDEX images_is_public_index, ADD INDEX (is_public)')
    await database.query(`INSERT INTO accounts SELECT * FROM ${name(ours.uri)}.accounts WHERE uuid = 'shpoolxx'`)
    await database.query('CREATE TABLE schema_info (version int NOT NULL DEFAULT 0)')
    await database.query('INSERT INTO schema_info VALUES (23)')
    await database.query('CREATE TABLE host_nodes (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid varchar(255))')
    const before = await schemaOf(database)

    expect(await vdcManageJson(['db', 'status'], { database })).toMatchObject({
      wakame_schema: 23,
      pending: 0,
      migrations: MIGRATIONS.map((migration) => ({ name: migration, state: 'present' })),
    })
    expect(await vdcManage(['db', 'migrate'], { database })).toMatchObject({ code: 0, stderr: 'Nothing to migrate\n' })
    expect(await schemaOf(database)).toBe(before)
    expect(await database.query('SELECT uuid FROM accounts')).toEqual([{ uuid: 'shpoolxx' }])

    expect(await vdcManage(['image', 'list'], { database })).toMatchObject({ code: 0 })

    // Only the missing table is created.
    await database.query('DROP TABLE resource_labels')
    expect(await vdcManage(['db', 'status'], { database })).toMatchObject({ code: 7 })
    expect(await vdcManage(['db', 'migrate'], { database })).toMatchObject({ code: 0 })
    expect(await database.query('SELECT uuid FROM accounts')).toEqual([{ uuid: 'shpoolxx' }])
    expect(await database.query("SHOW TABLES LIKE 'resource_labels'")).toHaveLength(1)
  })
})

describe('db on SQLite', () => {
  test('creates and migrates the file on first use, with the schema of dcmgr.md', async () => {
    const database = keep(newSqlite())
    const first = await vdcManage(['image', 'list'], { database })
    expect(first).toMatchObject({
      code: 0,
      stderr: `Created a new registry: ${database.uri.slice('sqlite://'.length)}\n`,
    })
    expect(await vdcManage(['image', 'list'], { database })).toMatchObject({ code: 0, stderr: '' })
    expect(await vdcManageJson(['db', 'status'], { database })).toMatchObject({ engine: 'sqlite', pending: 0 })
    await expect(await schemaOf(database)).toMatchFileSnapshot('../../golden/schema.sqlite.txt')
  })

  test('leaves a file of a newer release unchanged', async () => {
    const database = keep(await newDatabase('sqlite'))
    await database.query('PRAGMA user_version = 9999')
    expect(await vdcManage(['image', 'list'], { database })).toMatchObject({
      code: 7,
      stdout: '',
      stderr: expect.stringContaining('later vdc-manage'),
    })
  })
})
