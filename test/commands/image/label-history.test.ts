import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'

describe.each(ENGINES)('on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines(
      [
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
        `backupobject add --uuid bo-o --display-name o --storage-id bkst-s --object-key o.raw --size 512 --checksum ${'0'.repeat(32)}`,
        ...['wmi-a', 'wmi-b', 'wmi-c', 'wmi-h'].map(
          (id) => `image add local bo-o --uuid ${id} --account-id a-shpoolxx`,
        ),
      ],
      { database },
    )
  })
  afterAll(() => database.remove())
  const label = (...words: string[]) => vdcManage(['image', 'label', ...words], { database })
  const labelsOf = async (id: string) => (await vdcManageJson(['image', 'show', id], { database })).labels
  const found = async (...filters: string[]) =>
    (
      await vdcManage(['image', 'list', '--quiet', ...filters.flatMap((filter) => ['--label', filter])], { database })
    ).stdout
      .split('\n')
      .slice(0, -1)

  test('image label sets, changes and removes labels, and records it apart from the columns', async () => {
    const { histories } = await allRows(database)
    expect(await label('wmi-a', 'os=lucid', 'empty=', 'a=b=c', 'note=zwei\nZeilen', '日本=東京')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(await labelsOf('wmi-a')).toEqual({ os: 'lucid', empty: '', a: 'b=c', note: 'zwei\nZeilen', 日本: '東京' })
    expect(await label('wmi-a', 'os=precise', 'empty-', 'a-')).toMatchObject({ code: 0, stderr: '' })
    expect(await labelsOf('wmi-a')).toEqual({ os: 'precise', note: 'zwei\nZeilen', 日本: '東京' })
    const recorded = (await allRows(database)).histories?.slice(histories?.length)
    expect(recorded?.map(({ uuid, attr, vchar_value }) => [uuid, attr, vchar_value])).toEqual(
      ['os=lucid', 'empty=', 'a=b=c', 'note=zwei\nZeilen', '日本=東京', 'empty-', 'a-', 'os=precise'].map((text) => [
        'wmi:a',
        'label',
        text,
      ]),
    )
  })

  test('image label stores a long value in blob_value', async () => {
    const long = 'ü'.repeat(200)
    await label('wmi-b', `long=${long}`, `fits=${'x'.repeat(255)}`)
    const rows = () =>
      database.query(
        "SELECT name, value_type, string_value, blob_value FROM resource_labels WHERE resource_uuid = 'wmi-b' ORDER BY name",
      )
    expect(await rows()).toEqual([
      { name: 'fits', value_type: 1, string_value: 'x'.repeat(255), blob_value: null },
      { name: 'long', value_type: 2, string_value: null, blob_value: long },
    ])
    expect(await labelsOf('wmi-b')).toEqual({ fits: 'x'.repeat(255), long })
    expect(await found(`long=${long}`)).toEqual(['wmi-b'])
    await label('wmi-b', 'long=short', 'fits-')
    expect(await rows()).toEqual([{ name: 'long', value_type: 1, string_value: 'short', blob_value: null }])
  })

  test('image label does not write unchanged labels, and warns about missing ones', async () => {
    await label('wmi-c', 'os=lucid')
    const before = await allRows(database)
    expect(await label('wmi-c', 'os=lucid', 'nothing-')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Warning: wmi-c has no label nothing\n',
    })
    expect(await allRows(database)).toEqual(before)
  })

  test('image list and image show find images by label', async () => {
    await label('wmi-a', 'tier=gold', 'size=10')
    await label('wmi-b', 'tier=gold')
    await label('wmi-c', 'tier=silver', 'Size=10')
    expect(await found('tier')).toEqual(['wmi-a', 'wmi-b', 'wmi-c'])
    expect(await found('tier=gold')).toEqual(['wmi-a', 'wmi-b'])
    expect(await found('tier=gold', 'size')).toEqual(['wmi-a'])
    // Names and values are compared exactly in case and trailing spaces, whatever the collation.
    expect(await found('Tier')).toEqual([])
    expect(await found('tier=GOLD')).toEqual([])
    expect(await found('tier=gold ')).toEqual([])
    expect(await found('size=10')).toEqual(['wmi-a'])
    expect(await found('tier=')).toEqual([])
    const shown = await vdcManage(['image', 'show', '--label', 'tier=silver', '--quiet'], { database })
    expect(shown).toMatchObject({ code: 0, stdout: 'wmi-c\n' })
  })

  const refused: [name: string, words: string[], refusal: Refusal][] = [
    ['a missing label', [], { exit: 2, message: 'No label given', hint: 'name=value' }],
    [
      'a word that is not a change',
      ['lucid'],
      {
        exit: 2,
        message: 'No label given',
        hint: 'lucid= sets a label without a value, lucid=value sets a label with a value',
      },
    ],
    ['a second ID', ['wmi-b'], { exit: 2, message: 'No label given', hint: /^Usage: vdc-manage image label/ }],
    ['an empty name', ['=x'], { exit: 3, message: 'The name of a label must not be empty' }],
    ['only IDs on stdin', ['-'], { exit: 2, message: 'No label given', hint: 'name=value' }],
    ['a long name', [`${'n'.repeat(256)}=x`], { exit: 3, message: 'must not be longer than 255' }],
    ['an escape code', ['a=\u001b[1m'], { exit: 3, message: 'The label a must not contain control characters' }],
    ['a reserved name', ['vdc-manage.x=1'], { exit: 3, message: 'The label vdc-manage.x is reserved for vdc-manage' }],
    ['removing a reserved label', ['vdc-manage.sha256-'], { exit: 3, message: 'is reserved for vdc-manage' }],
    ['a name given twice', ['a=1', 'a-'], { exit: 3, message: 'The label a is given twice' }],
    [
      'a good change and a bad one',
      ['good=1', 'bad'],
      {
        exit: 3,
        message: "'bad' is not a valid label change",
        hint: 'Use name=value to set a label, name= to set one without a value',
      },
    ],
  ]
  test.each(refused)('image label refuses %s', async (_, words, refusal) => {
    await expectRefused(database, ['image', 'label', 'wmi-a', ...words], refusal)
  })

  test.each([
    ['golden', { exit: 4, message: 'Image wmi-golden does not exist', hint: 'golden= sets a label without a value; ' }],
    [
      'my-tag',
      {
        exit: 3,
        message: "'my-tag' is neither the ID nor the display name of an image",
        hint: 'my-tag= sets a label without a value; ',
      },
    ],
    [
      'wmi-golden',
      {
        exit: 4,
        message: 'Image wmi-golden does not exist',
        hint: /^List all images with: vdc-manage image list --all/,
      },
    ],
  ] as [string, Refusal][])(
    'image label refuses %s as an image, and hints at how to set such a label',
    async (word, refusal) => {
      await expectRefused(database, ['image', 'label', word, 'os=lucid'], refusal)
    },
  )

  test('image label among images reports only the word that is not an image', async () => {
    await label('wmi-c', 'os=lucid')
    const before = await allRows(database)
    expect(await label('wmi-c', 'golden', 'os=lucid')).toMatchObject({
      code: 9,
      stdout: '',
      stderr: expect.stringMatching(
        /^Error: Image wmi-golden does not exist\nHint: golden= sets a label without a value; .*\n$/,
      ),
    })
    expect(await allRows(database)).toEqual(before)
  })

  test('image label refuses a name that differs only in case, and can replace the other', async () => {
    await label('wmi-h', 'Case=1')
    await expectRefused(database, ['image', 'label', 'wmi-h', 'case=2'], {
      exit: 3,
      message: "wmi-h has a label 'Case', which counts as the same label as 'case'",
      hint: "image label wmi-h 'Case-'",
    })
    expect(await label('wmi-h', 'case=2', 'Case-')).toMatchObject({ code: 0, stderr: '' })
    expect(await labelsOf('wmi-h')).toEqual({ case: '2' })
  })

  test.each([
    ['café', 'cafe'],
    ['ＣＡＦＥ', 'cafe'],
    ['blank ', 'blank'],
    ['blank\u3000', 'blank'],
    ['strasse', 'straße'],
    ['strase', 'straße'],
    ['カタカナ', 'かたかな'],
    ['ｶﾀｶﾅ', 'かたかな'],
    ['soft\u00adhyphen', 'softhyphen'],
    ['🚀', '🛸'],
  ])('image label treats %j as the same name as %j on both engines', async (name, twin) => {
    await label('wmi-c', ...['cafe', 'blank', 'straße', 'かたかな', 'softhyphen', '🛸'].map((each) => `${each}=1`))
    await expectRefused(database, ['image', 'label', 'wmi-c', `${name}=2`], {
      exit: 3,
      message: `wmi-c has a label '${twin}', which counts as the same label as '${name}'`,
    })
    await expectRefused(database, ['image', 'label', 'wmi-b', `${twin}=1`, 'other=1', `${name}=2`], {
      exit: 3,
      message: `The labels '${twin}' and '${name}' count as the same label`,
      hint: 'Databases ignore case, accents and trailing spaces in label names',
    })
  })

  test('image label names the same label on both engines if a name counts as several', async () => {
    await label('wmi-h', '𠮷۞１=1', '😀𝟏=1')
    await expectRefused(database, ['image', 'label', 'wmi-h', '😀１=2'], {
      exit: 3,
      message: "wmi-h has a label '😀𝟏', which counts as the same label as '😀１'",
    })
    await label('wmi-h', '𠮷۞１-', '😀𝟏-')
  })

  test.each(['vdc-mänage.protected', 'VDC-manage.x', 'ｖｄｃ-manage.x', 'vdc-man\u200dage.x'])(
    'image label refuses a name that a database equates with a reserved one: %j',
    async (name) => {
      await expectRefused(database, ['image', 'label', 'wmi-b', `${name}=1`], {
        exit: 3,
        message: 'is reserved for vdc-manage',
      })
    },
  )

  test('image label accepts names that differ by more than case and accents', async () => {
    const names = ['東京', '京都', 'a_b', 'a-b', 'a b', 'ab', 'я', 'e']
    expect(await label('wmi-h', ...names.map((name) => `${name}=1`))).toMatchObject({ code: 0, stderr: '' })
    expect(await labelsOf('wmi-h')).toMatchObject(Object.fromEntries(names.map((name) => [name, '1'])))
  })

  test('image history lists changes of images and objects, newest last', async () => {
    await runLines(['image modify wmi-h --description one', 'image features wmi-h --virtio', 'image del wmi-h'], {
      database,
    })
    const entries = await vdcManageJson(['image', 'history', 'wmi-h'], { database })
    expect(entries).toHaveLength(23 + 2 + 2 + 3)
    expect(entries[2]).toMatchObject({ attr: 'uuid', value: 'h' })
    expect(entries.slice(23).map(({ attr }: { attr: string }) => attr)).toEqual([
      'description',
      'updated_at',
      'features',
      'updated_at',
      'deleted_at',
      'state',
      'updated_at',
    ])
    for (const entry of entries) expect(entry.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    const text = (await vdcManage(['image', 'history', 'wmi-h', '--raw'], { database })).stdout
    expect(text.split('\n')[0]).toMatch(/^TIME +ATTRIBUTE +VALUE$/)
    expect(text).toMatch(/Z {2}description +one\n/)
    expect(await vdcManageJson(['image', 'history', 'bo-o'], { database })).toHaveLength(20)
  })

  test('image history --at shows an image and an object as they were', async () => {
    // A history over several years.
    const years = [
      [
        '2020-01-01 00:00:00',
        {
          account_id: 'a-shpoolxx',
          uuid: 'o',
          display_name: 'first',
          size: '9007199254740993',
          progress: '10',
          state: 'creating',
          backup_storage_id: '1',
        },
      ],
      ['2021-06-01 12:00:00', { display_name: 'second', state: 'available', progress: '100' }],
    ] as const
    await database.query("DELETE FROM histories WHERE uuid = 'bo-o'")
    await database.query("UPDATE backup_objects SET created_at = '2020-01-01 00:00:00' WHERE uuid = 'o'")
    for (const [at, values] of years) {
      for (const [attr, value] of Object.entries(values)) {
        await database.query("INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES ('bo-o', ?, ?, ?)", [
          attr,
          value,
          at,
        ])
      }
    }
    const at = async (time: string) =>
      (await vdcManage(['image', 'history', 'bo-o', '--at', time, '--json'], { database })).stdout
    const then = { id: 'bo-o', display_name: 'first', state: 'creating', progress: 10, backup_storage_id: 'bkst-s' }
    expect(await at('2020-12-31')).toContain('"size": 9007199254740993,')
    expect(JSON.parse(await at('2021-06-01 11:59:59'))).toMatchObject(then)
    expect(JSON.parse(await at('2021-06-01T20:59:59+09:00'))).toMatchObject(then)
    expect(JSON.parse(await at('2021-06-01 12:00'))).toMatchObject({
      ...then,
      display_name: 'second',
      state: 'available',
      progress: 100,
    })
    // Attributes missing in the history did not change.
    expect(JSON.parse(await at('2020-12-31'))).toMatchObject({ container_format: 'none', object_key: 'o.raw' })

    const image = await vdcManageJson(['image', 'history', 'wmi-h', '--at', '2100-01-01'], { database })
    expect(image).toMatchObject({
      id: 'wmi-h',
      state: 'deleted',
      description: 'one',
      features: { virtio: true },
      is_public: false,
    })
    expect(image).not.toHaveProperty('labels')
    expect(await vdcManageJson(['image', 'history', 'bo-o', '--at', '1h'], { database })).toMatchObject({
      display_name: 'second',
    })
    const table = (await vdcManage(['image', 'history', 'wmi-h', '--at', '2100-01-01'], { database })).stdout
    expect(table).toMatch(/^state: +deleted$/m)
  })

  test.each([
    [
      'a time before the creation',
      ['wmi-a', '--at', '2019-12-31'],
      { exit: 4, message: 'wmi-a did not exist at 2019-12-31T23:59:59Z' },
    ],
    [
      'an invalid time',
      ['wmi-a', '--at', '90'],
      {
        exit: 3,
        message: "--at '90' is not a valid time",
        hint: /^For 90 days ago, write 90d\. Use a time such as .* 7d or 2w$/,
      },
    ],
    ['30 February', ['wmi-a', '--at', '2026-02-30'], { exit: 3, message: "'2026-02-30' is not a valid time" }],
    ['month 13', ['wmi-a', '--at', '2026-13-01'], { exit: 3, message: 'is not a valid time' }],
    ['an unknown image', ['wmi-nope'], { exit: 4, message: 'Image wmi-nope does not exist' }],
    ['an unknown object', ['bo-nope'], { exit: 4, message: 'Backup object bo-nope does not exist' }],
    [
      'an account',
      ['a-shpoolxx'],
      { exit: 3, message: "'a-shpoolxx' is neither the ID nor the display name of an image" },
    ],
  ] as [string, string[], Refusal][])('image history refuses %s', async (_, words, refusal) => {
    await expectRefused(database, ['image', 'history', ...words], refusal)
  })
})
