import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { runLines, vdcManage } from '../support/process/cli.ts'
import { expectRefused } from '../support/refusals.ts'

describe.each(ENGINES)('an ID that differs only in case on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines(
      [
        'account add --uuid a-ONE',
        'account add --uuid a-gone',
        'account del a-gone',
        'backupstorage add --uuid bkst-S --display-name s --base-uri file:///srv/s/ --storage-type local',
        `backupobject add --uuid bo-O --display-name o --storage-id bkst-S --object-key o.raw --size 512 --checksum ${'0'.repeat(32)}`,
        'image add local bo-O --uuid wmi-ABC --account-id a-ONE',
        'image add local bo-O --uuid wmi-low --account-id a-ONE',
        'image add local bo-O --uuid wmi-Here --account-id a-ONE',
        'image del wmi-ABC wmi-low',
        'image purge wmi-ABC wmi-low --older-than 0s --yes',
      ],
      { database },
    )
  })
  afterAll(() => database.remove())

  test.each([
    ['from a purged image', ['image', 'add', 'local', 'bo-O', '--account-id', 'a-ONE', '--uuid', 'abc'], 'wmi-abc'],
    [
      'from a purged image in lower case',
      ['image', 'add', 'volume', 'bo-O', '--account-id', 'a-ONE', '--uuid', 'LOW'],
      'wmi-LOW',
    ],
    ['from an image', ['image', 'add', 'local', 'bo-O', '--account-id', 'a-ONE', '--uuid', 'hERE'], 'wmi-hERE'],
    ['from an account', ['account', 'add', '--uuid', 'one'], 'a-one'],
    ['from a deleted account', ['account', 'add', '--uuid', 'GONE'], 'a-GONE'],
    [
      'from a backup storage',
      [
        'backupstorage',
        'add',
        '--uuid',
        's',
        '--display-name',
        's',
        '--base-uri',
        'file:///x/',
        '--storage-type',
        'local',
      ],
      'bkst-s',
    ],
    [
      'from a backup object',
      [
        ...['backupobject', 'add', '--uuid', 'o', '--display-name', 'o', '--storage-id', 'bkst-S', '--object-key', 'x'],
        ...['--size', '1', '--checksum', '0'.repeat(32)],
      ],
      'bo-o',
    ],
  ])('%s is already taken', async (_, words, id) => {
    await expectRefused(database, words, { exit: 5, message: `${id} is already taken`, hint: 'IDs are never reused' })
  })

  test('conflicts in an import', async () => {
    const { stdout } = await vdcManage(['registry', 'export'], { database, reject: true })
    const input = stdout
      .replace('"uuid":"wmi-Here"', '"uuid":"wmi-aBC"')
      .replace('{"type":"purged_image","uuid":"wmi-low"', '{"type":"purged_image","uuid":"wmi-HERE"')
    const before = await allRows(database)
    const run = await vdcManage(['registry', 'import'], { database, input })
    expect(run).toMatchObject({ code: 5, stdout: '' })
    expect(run.stderr).toContain('Conflict: wmi-aBC: was purged here; its ID is never reused\n')
    expect(run.stderr).toContain('Conflict: wmi-HERE: was purged in the exported registry, but still exists here\n')
    expect(await allRows(database)).toEqual(before)
  })
})

test('an older SQLite registry gets the index of purged IDs when it is opened', async () => {
  const database = await newDatabase('sqlite')
  await database.query(
    "INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES ('wmi-ABC', 'purged_at', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
  )
  await database.query('DROP INDEX histories_purged_ids_index')
  await database.query("DELETE FROM vdc_manage_migrations WHERE name = '009_purged_ids'")
  await database.query('PRAGMA user_version = 8')
  const add = ['image', 'add', 'local', 'bo-o', '--account-id', 'a-shpoolxx', '--uuid', 'abc']
  const refused = {
    code: 5,
    stdout: '',
    stderr: expect.stringContaining('Error: The image ID wmi-abc is already taken\n'),
  }
  expect(await vdcManage(add, { database })).toMatchObject(refused)
  expect(await database.query("SELECT name FROM sqlite_master WHERE name = 'histories_purged_ids_index'")).toHaveLength(
    1,
  )
  const plan = await database.query(
    "EXPLAIN QUERY PLAN SELECT uuid FROM histories WHERE attr = 'purged_at' AND uuid COLLATE NOCASE IN ('wmi-x')",
  )
  expect(plan[0]?.detail).toContain('USING')
  expect(plan[0]?.detail).toContain('histories_purged_ids_index')
  await database.remove()
})
