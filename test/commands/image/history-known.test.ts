import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused } from '../../support/refusals.ts'

/*
 * What a history knows: from its start, which may be later than the creation of the image, and in the order of its
 * rows, because clocks of hosts differ.
 */

describe.each(ENGINES)('image history on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines(
      [
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
        ...['bo-o', 'bo-later'].map(
          (id) =>
            `backupobject add --uuid ${id} --display-name o --storage-id bkst-s --object-key ${id} --size 512 --checksum ${'0'.repeat(32)}`,
        ),
        ...['later', 'parts', 'none', 'skewed', 'ahead', 'whole'].map(
          (id) => `image add local bo-o --uuid ${id} --account-id a-shpoolxx --is-public`,
        ),
      ],
      { database },
    )
    await database.query("UPDATE images SET created_at = '2020-01-01 00:00:00', updated_at = '2024-01-01 00:00:00'")
    await database.query("UPDATE backup_objects SET created_at = '2020-01-01 00:00:00'")
  })
  afterAll(() => database.remove())

  const at = (id: string, time: string) => vdcManageJson(['image', 'history', id, '--at', time], { database })
  /** Replaces the history of an image or object. The rows get ascending integer ids. */
  const tell = async (id: string, entries: [at: string, attr: string, value: string | null][]) => {
    await database.query('DELETE FROM histories WHERE uuid = ?', [id])
    for (const [time, attr, value] of entries) {
      await database.query('INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES (?, ?, ?, ?)', [
        id,
        attr,
        value,
        time,
      ])
    }
  }

  test.each(['wmi-later', 'bo-later'])(
    '%s: a history that starts later, as after an import, knows nothing of earlier times',
    async (id) => {
      await database.query("UPDATE histories SET created_at = '2022-02-02 02:02:02' WHERE uuid = ?", [id])
      for (const time of ['2020-01-01', '2022-02-02 02:01']) {
        await expectRefused(database, ['image', 'history', id, '--at', time], {
          exit: 4,
          message: new RegExp(
            `^Error: The values of ${id} at \\S+Z are not known: its history begins at 2022-02-02T02:02:02Z$`,
          ),
          hint: `Show every entry with: vdc-manage image history ${id}`,
        })
      }
      expect(await at(id, '2022-02-02T02:02:02Z')).toMatchObject({ id, state: 'available' })
      await expectRefused(database, ['image', 'history', id, '--at', '2019-12-31'], {
        exit: 4,
        message: `${id} did not exist at`,
      })
    },
  )

  test('a history without creation, as left by older Ruby programs, is known once it is complete', async () => {
    await tell('wmi-parts', [
      ['2021-01-01 00:00:00', 'description', 'first'],
      ['2021-01-01 00:00:00', 'updated_at', '2021-01-01 00:00:00'],
      ['2023-01-01 00:00:00', 'is_public', '1'],
      ['2023-01-01 00:00:00', 'updated_at', '2023-01-01 00:00:00'],
    ])
    for (const [time, why] of [
      ['2020-06-01', 'its history begins at 2023-01-01T00:00:00Z'],
      ['2021-06-01', 'its history is complete only from 2023-01-01T00:00:00Z on'],
    ] as const) {
      await expectRefused(database, ['image', 'history', 'wmi-parts', '--at', time], { exit: 4, message: why })
    }
    expect(await at('wmi-parts', '2023-01-01')).toMatchObject({
      id: 'wmi-parts',
      description: 'first',
      visibility: 'shared pool',
      is_public: true,
      created_at: '2020-01-01T00:00:00Z',
    })
  })

  test('without a history, only the values since the last change are known', async () => {
    await tell('wmi-none', [])
    await expectRefused(database, ['image', 'history', 'wmi-none', '--at', '2023-06-01'], {
      exit: 4,
      message: 'it has no history, and was last changed at 2024-01-01T00:00:00Z',
    })
    expect(await at('wmi-none', '2024-01-01')).toMatchObject({ id: 'wmi-none', is_public: true })
  })

  test('if clocks differ, the integer id of a row decides which is last', async () => {
    const creation = (time: string, values: Record<string, string | null>) =>
      Object.entries(values).map(([attr, value]) => [time, attr, value] as [string, string, string | null])
    const made = { state: 'available', description: null, display_name: 'one', updated_at: null, deleted_at: null }
    // The clock of the creating host is ahead, that of the changing one behind.
    await tell('wmi-skewed', [
      ...creation('2022-01-01 00:00:09', made),
      ['2022-01-01 00:00:04', 'state', 'pending'],
      ['2022-01-01 00:00:07', 'description', 'second'],
      ['2022-01-01 00:00:05', 'description', 'third'],
      ['2022-01-01 00:00:05', 'deleted_at', '2022-01-01 00:00:05'],
      ['2022-01-01 00:00:05', 'state', 'deleted'],
    ])
    await database.query(
      "UPDATE images SET deleted_at = '2022-01-01 00:00:05', state = 'deleted' WHERE uuid = 'skewed'",
    )
    const entries = await vdcManageJson(['image', 'history', 'wmi-skewed'], { database })
    expect(entries.slice(-5).map(({ value }: { value: string }) => value)).toEqual([
      'pending',
      'second',
      'third',
      '2022-01-01 00:00:05',
      'deleted',
    ])
    // Rows before this one happened by its time, whatever their own time is.
    expect(await at('wmi-skewed', '2022-01-01T00:00:04Z')).toMatchObject({ state: 'pending', description: null })
    expect(await at('wmi-skewed', '2022-01-01T00:00:05Z')).toMatchObject({ state: 'deleted', description: 'third' })
    expect(await at('wmi-skewed', '2100-01-01')).toMatchObject({ state: 'deleted', description: 'third' })
    expect(await vdcManage(['image', 'undelete', 'wmi-skewed'], { database })).toMatchObject({ code: 0, stderr: '' })
    expect(await vdcManageJson(['image', 'show', 'wmi-skewed'], { database })).toMatchObject({ state: 'pending' })
  })

  test('a change by a host whose clock is ahead does not hide later ones', async () => {
    await database.query("UPDATE histories SET created_at = '2021-01-01 00:00:00' WHERE uuid = 'wmi-ahead'")
    for (const [time, value] of [
      ['2199-01-01 00:00:00', 'ahead'],
      ['2022-01-01 00:00:00', 'last'],
    ] as const) {
      await database.query(
        "INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES ('wmi-ahead', 'description', ?, ?)",
        [value, time],
      )
    }
    expect(await at('wmi-ahead', '2021-06-01')).toMatchObject({ description: null })
    expect(await at('wmi-ahead', '2022-06-01')).toMatchObject({ description: 'last' })
  })
})
