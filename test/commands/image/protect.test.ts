import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { runLines, shell, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'

const LABEL = 'vdc-manage.protected'

describe.each(ENGINES)('image protect and unprotect on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines(
      [
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
        `backupobject add --uuid bo-o --display-name o --storage-id bkst-s --object-key o.raw --size 512 --checksum ${'0'.repeat(32)}`,
        ...['a', 'b', 'kept', 'free', 'forced', 'gone'].map(
          (id) => `image add local bo-o --uuid wmi-${id} --account-id a-shpoolxx`,
        ),
        'image protect wmi-kept wmi-forced',
        'image del wmi-gone',
      ],
      { database },
    )
  })
  afterAll(() => database.remove())

  test('a label records when, image show prints it, and the history records it apart from the columns', async () => {
    const { histories } = await allRows(database)
    expect(await vdcManage(['image', 'protect', 'wmi-a', 'b'], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    const since = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    const shown = await vdcManageJson(['image', 'show', 'wmi-a', 'wmi-b', 'wmi-free'], { database })
    expect(shown).toMatchObject([
      { protected: true, labels: { [LABEL]: since } },
      { protected: true, labels: { [LABEL]: since } },
      { protected: false, labels: {} },
    ])
    expect((await vdcManage(['image', 'show', 'wmi-a'], { database })).stdout).toMatch(/^protected: +yes$/m)
    const listed = (...words: string[]) => vdcManage(['image', 'list', '--quiet', ...words], { database })
    expect((await listed('--protected', '--sort', 'id')).stdout).toMatch(/^wmi-a\nwmi-b\n/)
    expect((await listed('--no-protected')).stdout).toMatch(/^wmi-free$/m)

    expect(await vdcManage(['image', 'unprotect', 'wmi-a', 'wmi-b'], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(await vdcManageJson(['image', 'show', 'wmi-a'], { database })).toMatchObject({
      protected: false,
      labels: {},
    })
    const recorded = (await allRows(database)).histories?.slice(histories?.length)
    expect(recorded?.map(({ uuid, attr, vchar_value }) => [uuid, attr, vchar_value])).toEqual([
      ['wmi:a', 'protected', '1'],
      ['wmi:b', 'protected', '1'],
      ['wmi:a', 'protected', '0'],
      ['wmi:b', 'protected', '0'],
    ])
  })

  test('unchanged protection prints a warning', async () => {
    const before = await allRows(database)
    const again = await vdcManage(['image', 'protect', 'wmi-kept'], { database })
    expect(again).toMatchObject({ code: 0, stdout: '' })
    expect(again.stderr).toMatch(/^Warning: wmi-kept is already protected \(since \d{4}-\S+Z\)\n$/)
    expect(await vdcManage(['image', 'unprotect', 'wmi-free'], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Warning: wmi-free is not protected\n',
    })
    expect(await allRows(database)).toEqual(before)
  })

  const changes: string[][] = [
    ['del', 'wmi-kept'],
    ['del', '--ignore-missing', 'wmi-kept'],
    ['modify', 'wmi-kept', '--description', 'other'],
    ['features', 'wmi-kept', '--virtio'],
    ['label', 'wmi-kept', 'os=lucid'],
  ]
  test.each(changes)('image %s refuses a protected image', async (...words) => {
    await expectRefused(database, ['image', ...words], {
      exit: 5,
      message: /^Error: Image wmi-kept is protected \(since \d{4}-\S+Z\)$/,
      hint: 'Override this with --force, or end the protection with: vdc-manage image unprotect wmi-kept',
    })
  })

  test('the error has its own code', async () => {
    const run = await vdcManage(['image', 'del', 'wmi-kept', '--json'], { database })
    expect(run.code).toBe(5)
    expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'IMAGE_PROTECTED', exit: 5 } })
  })

  test('--force overrides protection, and keeps the label', async () => {
    const run = await shell(
      [
        'vdc-manage image modify wmi-forced --description other --force',
        'vdc-manage image features wmi-forced --virtio --force',
        'vdc-manage image label wmi-forced os=lucid --force',
        'vdc-manage image del wmi-forced --force',
      ].join(' && '),
      { database },
    )
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await vdcManageJson(['image', 'show', 'wmi-forced'], { database })).toMatchObject({
      state: 'deleted',
      description: 'other',
      features: { virtio: true },
      protected: true,
      labels: { os: 'lucid', [LABEL]: expect.any(String) },
    })
    // A deleted image can be unprotected.
    expect(await vdcManage(['image', 'unprotect', 'wmi-forced'], { database })).toMatchObject({ code: 0, stderr: '' })
  })

  test.each([
    ['modify', 'wmi-kept', '--force'],
    ['modify', 'wmi-kept'],
    ['features', 'wmi-kept'],
  ])('image %s %s %s changes nothing, says so, and is not refused', async (...words) => {
    const run = await vdcManage(['image', ...words.filter((word) => word !== undefined)], { database })
    expect(run).toMatchObject({ code: 0, stderr: 'Nothing to change: no new values were given\n' })
  })

  test.each([
    ['an unknown image', ['protect', 'wmi-nope'], { exit: 4, message: 'Image wmi-nope does not exist' }],
    ['unprotecting an unknown image', ['unprotect', 'wmi-nope'], { exit: 4, message: 'Image wmi-nope does not exist' }],
    ['a deleted image', ['protect', 'wmi-gone'], { exit: 5, message: 'Image wmi-gone is deleted' }],
    ['a missing ID', ['protect'], { exit: 2, message: 'Missing argument: ID' }],
    [
      'setting the reserved label',
      ['label', 'wmi-free', `${LABEL}=x`],
      { exit: 3, message: 'is reserved for vdc-manage' },
    ],
    [
      'setting the reserved label in another case',
      ['label', 'wmi-free', 'VDC-Manage.protected=x'],
      { exit: 3, message: 'is reserved for vdc-manage' },
    ],
    [
      'removing the reserved label',
      ['label', 'wmi-kept', `${LABEL}-`, '--force'],
      { exit: 3, message: 'is reserved for vdc-manage' },
    ],
  ] as [string, string[], Refusal][])('refuses %s', async (_, words, refusal) => {
    await expectRefused(database, ['image', ...words], refusal)
  })

  test('several IDs: one that fails does not stop the others', async () => {
    const run = await vdcManage(['image', 'protect', 'wmi-nope', 'wmi-b'], { database })
    expect(run).toMatchObject({ code: 9, stdout: '' })
    expect(await vdcManageJson(['image', 'show', 'wmi-b'], { database })).toMatchObject({ protected: true })
  })
})
