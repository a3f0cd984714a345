import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { startTerminal } from '../../support/process/tmux.ts'
import { expectRefused } from '../../support/refusals.ts'

const OBJECT = [
  'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
  'backupstorage add --uuid bkst-t --display-name t --base-uri file:///srv/t/ --storage-type local',
  `backupobject add --uuid bo-o --display-name o --storage-id bkst-s --object-key o.raw --size 512 --checksum ${'0'.repeat(32)}`,
]

/** Rows of histories that the Ruby programs of several releases wrote, or others who left some out. */
const OF_RUBY: [id: string, at: string, attr: string, value: string | null][] = [
  // 16.1: all columns, `id` as NULL, and `updated_at` last in a change.
  ...[
    ['id', null],
    ['account_id', 'a-shpoolxx'],
    ['uuid', 'ruby'],
    ['created_at', '2015-03-01 09:00:00'],
    ['updated_at', '2015-03-01 09:00:00'],
    ['boot_dev_type', '2'],
    ['is_public', '0'],
    ['state', 'init'],
    ['features', '--- {}\n'],
    ['display_name', 'lucid'],
    ['backup_object_id', 'bo-o'],
    ['deleted_at', null],
    ['os_type', 'linux'],
  ].map(([attr, value]): (typeof OF_RUBY)[number] => [
    'wmi-ruby',
    '2015-03-01 09:00:00',
    attr as string,
    value ?? null,
  ]),
  // Two changes within a second, and a value that stayed the same.
  ['wmi-ruby', '2015-03-02 09:00:00', 'state', 'available'],
  ['wmi-ruby', '2015-03-02 09:00:00', 'os_type', 'linux'],
  ['wmi-ruby', '2015-03-02 09:00:00', 'updated_at', '2015-03-02 09:00:00'],
  ['wmi-ruby', '2015-03-02 09:00:00', 'is_public', '1'],
  ['wmi-ruby', '2015-03-02 09:00:00', 'updated_at', '2015-03-02 09:00:00'],
  // Features with a colon, written by an older release; then YAML that cannot be read.
  ['wmi-ruby', '2015-03-03 09:00:00', 'features', '--- \n:virtio: true\n'],
  ['wmi-ruby', '2015-03-04 09:00:00', 'features', '--- {broken'],
  // A deletion by state only, and the way back.
  ['wmi-ruby', '2015-03-05 09:00:00', 'state', 'deleted'],
  ['wmi-ruby', '2015-03-06 09:00:00', 'state', 'available'],
  ['wmi-ruby', '2015-03-06 09:00:00', 'updated_at', '2015-03-06 09:00:00'],
  // An older release recorded no creation.
  ['wmi-old', '2012-01-01 00:00:00', 'display_name', 'hardy\u001b[31m'],
  ['wmi-old', '2012-01-02 00:00:00', 'deleted_at', '2012-01-02 00:00:00'],
]

describe.each(ENGINES)('image history on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines(
      [
        ...OBJECT,
        ...['wmi-a', 'wmi-ruby', 'wmi-old', `wmi-${'x'.repeat(251)}`].map(
          (id) => `image add local bo-o --uuid ${id} --account-id a-shpoolxx --display-name "one two"`,
        ),
        'image modify wmi-a --display-name three --is-public --description ""',
        'image modify wmi-a --display-name three',
        'image label wmi-a os=lucid tested=',
        'image label wmi-a os=precise tested- a=b=c',
        'image protect wmi-a',
        'image unprotect wmi-a',
        'image features wmi-a --virtio --acpi',
        'image del wmi-a',
        'image undelete wmi-a',
        'backupobject modify bo-o --size 10240 --storage-id bkst-t',
        'backupobject del bo-o --force',
      ],
      { database },
    )
    await database.query("DELETE FROM histories WHERE uuid IN ('wmi-ruby', 'wmi-old')")
    for (const [id, at, attr, value] of OF_RUBY)
      await database.query('INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES (?, ?, ?, ?)', [
        id,
        attr,
        value,
        at,
      ])
  })
  afterAll(() => database.remove())

  const run = (...words: string[]) => vdcManage(['image', 'history', ...words], { database })
  const lines = async (...words: string[]) =>
    (await run(...words)).stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\S+ +/, '').replaceAll(/ {2,}/g, ' | '))

  test('has a line per event, with old and new values as image show prints them', async () => {
    expect(await run('wmi-a')).toMatchObject({ code: 0, stderr: '' })
    expect(await lines('wmi-a')).toEqual([
      'EVENT | CHANGES',
      'created | display_name: one two, account_id: a-shpoolxx, backup_object_id: bo-o',
      'changed | is_public: no → yes, display_name: one two → three',
      'labelled | os=lucid, tested=',
      'labelled | tested removed, os: lucid → precise, a=b=c',
      'protected | -',
      'unprotected | -',
      'changed | features: - → virtio, acpi',
      'deleted | -',
      'restored | state: deleted → available',
    ])
    expect(await lines('bo-o', '--no-header')).toEqual([
      'created | display_name: o, account_id: a-shpoolxx',
      'changed | backup_storage_id: bkst-s → bkst-t, size: 512 B → 10 KiB',
      'deleted | -',
    ])
  })

  test('lists what the Ruby programs recorded beside our own', async () => {
    expect(await lines('wmi-ruby', 'wmi-old', 'wmi-a')).toEqual(
      expect.arrayContaining([
        '2015-03-01T09:00:00Z | created | display_name: lucid, account_id: a-shpoolxx, backup_object_id: bo-o',
        '2015-03-02T09:00:00Z | changed | state: init → available',
        '2015-03-02T09:00:00Z | changed | is_public: no → yes',
        '2015-03-03T09:00:00Z | changed | features: - → virtio',
        '2015-03-04T09:00:00Z | changed | features: virtio → --- {broken',
        '2015-03-05T09:00:00Z | deleted | -',
        '2015-03-06T09:00:00Z | restored | state: deleted → available',
        '2012-01-01T00:00:00Z | changed | display_name: hardy\\u001b[31m',
        '2012-01-02T00:00:00Z | deleted | -',
        expect.stringMatching(/Z \| restored \| state: deleted → available$/),
      ]),
    )
  })

  test('keeps rows per attribute in other formats and with --raw, without labels', async () => {
    const rows = await vdcManageJson(['image', 'history', 'wmi-a'], { database })
    expect(rows).toHaveLength(23 + 3 + 2 + 3 + 3)
    expect(rows.filter(({ attr }: { attr: string }) => attr === 'state')).toMatchObject(
      ['available', 'deleted', 'available'].map((value) => ({ id: 'wmi-a', attr: 'state', value })),
    )
    expect(await lines('wmi-a', '--raw')).toHaveLength(1 + rows.length)
    expect((await run('wmi-a', '-c', 'attr,value')).stdout).toMatch(/^state +deleted$/m)
    expect((await run('wmi-a', '--format', 'csv')).stdout).toMatch(/^id,created_at,attr,value\n/)
    expect(await lines('wmi-a', '--format', 'table')).toEqual(await lines('wmi-a'))
  })

  test('--events has typed values in all formats', async () => {
    const events = await vdcManageJson(['image', 'history', 'wmi-a', '--events'], { database })
    expect(events.map(({ event }: { event: string }) => event)).toEqual([
      ...['created', 'changed', 'labelled', 'labelled', 'protected', 'unprotected', 'changed', 'deleted', 'restored'],
    ])
    expect(events[1]).toEqual({
      id: 'wmi-a',
      created_at: expect.stringMatching(/Z$/),
      event: 'changed',
      changes: [
        { attr: 'is_public', old: false, value: true },
        { attr: 'display_name', old: 'one two', value: 'three' },
      ],
    })
    expect(events[3].changes).toEqual([
      { attr: 'tested', old: '', value: null },
      { attr: 'os', old: 'lucid', value: 'precise' },
      { attr: 'a', value: 'b=c' },
    ])
    expect((await run('wmi-a', '--events', '--format', 'value', '-c', 'event')).stdout).toMatch(/^created\nchanged\n/)
    expect((await run('wmi-a', '--events', '--format', 'ndjson')).stdout.split('\n')).toHaveLength(events.length + 1)
    const none = await vdcManageJson(['image', 'history', 'wmi-old', '--events'], { database })
    expect(none[0].changes).toEqual([{ attr: 'display_name', value: 'hardy\u001b[31m' }])
  })

  test('records labels under keys that fit, and that no image has', async () => {
    const id = `wmi-${'x'.repeat(251)}`
    await runLines([`image label ${id} os=lucid`, `image protect ${id}`], { database })
    expect((await lines(id)).slice(2)).toEqual(['labelled | os=lucid', 'protected | -'])
    const keys = await database.query("SELECT DISTINCT uuid FROM histories WHERE attr IN ('label', 'protected')")
    expect(keys.map(({ uuid }) => uuid).sort()).toEqual(['wmi:a', id.replace('-', ':')])
    expect((await run('wmi:a')).stderr).toContain("'wmi:a' is neither the ID nor the display name of an image")
  })

  test('records the start of a label that fills its column, and a long one whole', async () => {
    const long = 'ü'.repeat(300)
    await runLines([`image label wmi-old ${'n'.repeat(255)}=${'v'.repeat(65_535)} long=${long}`], { database })
    const [, filled, whole] = await database
      .query(
        "SELECT blob_value FROM histories WHERE attr = 'label' AND blob_value IS NOT NULL ORDER BY id DESC LIMIT 3",
      )
      .then((rows) => [null, rows[1], rows[0]])
    expect(Buffer.byteLength(String(filled?.blob_value))).toBe(65_535)
    expect(whole?.blob_value).toBe(`long=${long}`)
  })

  test.runIf(engine === 'mariadb')('records a label that only the table of labels can store', async () => {
    await database.query('ALTER TABLE histories CONVERT TO CHARACTER SET utf8')
    await runLines(['image label wmi-old rocket=🚀!'], { database })
    const last = "SELECT vchar_value FROM histories WHERE attr = 'label' ORDER BY id DESC LIMIT 1"
    expect(await database.query(last)).toEqual([{ vchar_value: 'rocket=\ufffd!' }])
  })

  test('knows nothing of labels with --at', async () => {
    const at = await vdcManageJson(['image', 'history', 'wmi-a', '--at', '2199-01-01'], { database })
    expect(at).toMatchObject({ id: 'wmi-a', display_name: 'three', features: { virtio: true, acpi: true } })
    expect(at).not.toHaveProperty('labels')
  })

  test('keeps the events of a purged image, and shows the rows of a dry run', async () => {
    const changes = await vdcManageJson(['image', 'label', 'wmi-ruby', 'a=b', '-n'], { database })
    expect(changes).toMatchObject([
      { table: 'resource_labels', id: 'wmi-ruby' },
      { table: 'histories', id: 'wmi-ruby', row: { uuid: 'wmi:ruby', attr: 'label', vchar_value: 'a=b' } },
    ])
    await runLines(['image label wmi-ruby a=b', 'image del wmi-ruby', 'image purge wmi-ruby --older-than 0d --yes'], {
      database,
    })
    expect((await lines('wmi-ruby')).slice(-3)).toEqual(['labelled | a=b', 'deleted | -', 'purged | -'])
  })

  test.each([
    [['--raw', '--events'], 'cannot be used together'],
    [['--at', '2020-01-01', '--events'], 'cannot be used together'],
  ])('refuses %j', async (words, message) => {
    await expectRefused(database, ['image', 'history', 'wmi-a', ...words], { exit: 2, message: new RegExp(message) })
  })
})

describe('image history at a terminal', () => {
  const folder = newFolder()
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase('sqlite')
    await runLines(
      [
        ...OBJECT,
        'image add local bo-o --uuid wmi-a --account-id a-shpoolxx --display-name one',
        'image modify wmi-a --display-name "a somewhat longer name" --description "for the first floor"',
      ],
      { database },
    )
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  test.each([
    [80, /changed +description: - → for the first floor,\n {4}display_name: one → a somewhat longer name$/m],
    [40, /changed\n {4}description: - → for the first\n {4}floor, display_name: one → a\n {4}somewhat longer name$/m],
  ])('wraps the changes in %i columns', async (width, shown) => {
    const terminal = await startTerminal('vdc-manage image history wmi-a', { database, home: folder.path, width })
    try {
      expect(await terminal.exitCode()).toBe(0)
      expect(await terminal.screen()).toMatch(shown)
    } finally {
      await terminal.close()
    }
  })
})
