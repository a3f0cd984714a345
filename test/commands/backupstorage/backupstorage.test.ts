import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'
import { CROWD } from '../../support/thorough.ts'

const KNOWN = ['--display-name', 'x', '--base-uri', 'file:///srv/x/', '--storage-type', 'local']
const withValue = (name: string, value: string) => KNOWN.map((word, at) => (KNOWN[at - 1] === name ? value : word))

describe.each(ENGINES)('backup storages on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines([`backupstorage add --uuid bkst-kept ${KNOWN.join(' ')}`], { database })
  })
  afterAll(() => database.remove())
  const show = (id: string) => vdcManageJson(['backupstorage', 'show', id], { database })

  test('add, modify, list and del work', async () => {
    const run = await vdcManage(['backupstorage', 'add', ...KNOWN, '--node-id', 'n', '--description', 'd'], {
      database,
    })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(/^bkst-[a-z0-9]{8}\n$/)
    const id = run.stdout.trim()
    const before = await show(id)
    expect(before).toMatchObject({
      id,
      display_name: 'x',
      base_uri: 'file:///srv/x/',
      storage_type: 'local',
      node_id: 'n',
      description: 'd',
      deleted_at: null,
    })
    const modify = (...options: string[]) => vdcManage(['backupstorage', 'modify', id, ...options], { database })
    expect(await modify('--node-id', '', '--display-name', 'y')).toEqual({
      code: 0,
      signal: undefined,
      stdout: '',
      stderr: '',
    })
    const after = await show(id)
    expect(after).toEqual({ ...before, node_id: null, display_name: 'y', updated_at: after.updated_at })
    const rows = await allRows(database)
    await modify('--display-name', 'y', '--node-id', '', '--base-uri', 'file:///srv/x/')
    expect(await allRows(database)).toEqual(rows)

    const ids = async (...options: string[]) =>
      (await vdcManage(['backupstorage', 'list', '--quiet', ...options], { database })).stdout.trim().split('\n')
    expect(await ids()).toEqual(['bkst-kept', id])
    expect(await vdcManage(['backupstorage', 'del', id], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(await ids()).toEqual(['bkst-kept'])
    expect(await ids('--all')).toEqual(['bkst-kept', id])
    await expectRefused(database, ['backupstorage', 'del', id], {
      exit: 5,
      message: `Backup storage ${id} was deleted at`,
    })
    await expectRefused(database, ['backupstorage', 'modify', id, '--display-name', 'z'], {
      exit: 5,
      message: `${id} was deleted at`,
    })
    await expectRefused(database, ['backupstorage', 'add', '--uuid', id, ...KNOWN], {
      exit: 5,
      message: `The backup storage ID ${id} is already taken`,
    })
    // Storages have no history.
    expect((await allRows(database)).histories).toEqual([])
  })

  test('del keeps a storage that contains objects without --force', async () => {
    await runLines(
      [
        `backupstorage add --uuid bkst-full ${KNOWN.join(' ')}`,
        ...[1, 2].map(
          (n) =>
            `backupobject add --uuid bo-in${n} --display-name o --storage-id bkst-full --object-key ${n} --size 1 --checksum ${'0'.repeat(32)}`,
        ),
      ],
      { database },
    )
    await expectRefused(database, ['backupstorage', 'del', 'bkst-full'], {
      exit: 5,
      message: 'Backup storage bkst-full contains backup objects: bo-in1, bo-in2',
      hint: '--force',
    })
    await runLines(['backupobject del bo-in1'], { database })
    await expectRefused(database, ['backupstorage', 'del', 'bkst-full'], { exit: 5, message: 'backup objects: bo-in2' })
    expect(await vdcManage(['backupstorage', 'del', 'bkst-full', '--force'], { database })).toMatchObject({ code: 0 })
    expect(await vdcManageJson(['backupobject', 'show', 'bo-in2'], { database })).toMatchObject({
      deleted_at: null,
      uri: 'file:///srv/x/2',
    })
  })

  test('add and modify warn about a base URI without a trailing slash', async () => {
    const warning =
      'Warning: The base URI file:///srv/y does not end with a slash: object keys are appended without one\n'
    const add = ['backupstorage', 'add', '--uuid', 'bkst-slash', ...withValue('--base-uri', 'file:///srv/y')]
    expect(await vdcManage(add, { database })).toMatchObject({ code: 0, stdout: 'bkst-slash\n', stderr: warning })
    const modify = ['backupstorage', 'modify', 'bkst-kept', '--base-uri', 'file:///srv/y']
    expect(await vdcManage(modify, { database })).toMatchObject({ code: 0, stderr: warning })
  })

  test.each(['http://user@dav.example:8080/images/', 'http://[2001:db8::1]/images/', 'ifs://share/images/'])(
    'add accepts a storage at %s',
    async (uri) => {
      const type = uri.startsWith('ifs') ? 'ifs' : 'webdav'
      const args = ['backupstorage', 'add', '--display-name', 'x', '--base-uri', uri, '--storage-type', type]
      const run = await vdcManage(args, { database })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect((await show(run.stdout.trim())).base_uri).toBe(uri)
    },
  )

  const refused: [name: string, options: string[], refusal: Refusal][] = [
    ['an empty name', withValue('--display-name', ''), { exit: 3, message: '--display-name must not be empty' }],
    [
      'an unknown type',
      withValue('--storage-type', 's3'),
      { exit: 3, message: '--storage-type must be one of: local, webdav, ifs' },
    ],
    [
      'a path',
      withValue('--base-uri', '/srv/x/'),
      { exit: 3, message: "--base-uri must be the URI of a folder, not '/srv/x/'", hint: 'file:///var/lib' },
    ],
    [
      'a URI with two slashes',
      withValue('--base-uri', 'file://srv/x/'),
      { exit: 3, message: '--base-uri must be the URI of a folder' },
    ],
    [
      'a space in the URI',
      withValue('--base-uri', 'file:///srv/my images/'),
      { exit: 3, message: '--base-uri contains a space' },
    ],
    [
      'a Japanese URI',
      withValue('--base-uri', 'file:///srv/画/'),
      { exit: 3, message: '--base-uri contains the character U+753B' },
    ],
    [
      'a long URI',
      withValue('--base-uri', `file:///${'x'.repeat(248)}/`),
      { exit: 3, message: '--base-uri must not be longer than 255' },
    ],
    [
      'a taken ID in another case',
      [...KNOWN, '--uuid', 'bkst-KEPT'],
      { exit: 5, message: 'The backup storage ID bkst-KEPT is already taken' },
    ],
  ]
  test.each(refused)('add refuses %s', async (_, options, refusal) => {
    await expectRefused(database, ['backupstorage', 'add', ...options], refusal)
  })
  test.each(refused.filter(([, options]) => options.length === KNOWN.length))(
    'modify refuses %s too',
    async (_, options, refusal) => {
      await expectRefused(database, ['backupstorage', 'modify', 'bkst-kept', ...options], refusal)
    },
  )
  test('add refuses missing options, and show, modify and del a missing storage', async () => {
    await expectRefused(database, ['backupstorage', 'add'], { exit: 2, message: /Missing options --.*base-uri/ })
    for (const [verb = '', ...rest] of [['show'], ['modify', '--node-id', 'x'], ['del']]) {
      await expectRefused(database, ['backupstorage', verb, 'bkst-nope', ...rest], {
        exit: 4,
        message: 'Backup storage bkst-nope does not exist',
      })
    }
  })

  test('one of many processes that add the same ID at once succeeds, with one row', async () => {
    const runs = await Promise.all(
      Array.from({ length: CROWD }, () =>
        vdcManage(['backupstorage', 'add', '--uuid', 'bkst-race', ...KNOWN], { database, process: true }),
      ),
    )
    expect(runs.map(({ code }) => code).sort()).toEqual([0, ...Array(CROWD - 1).fill(5)])
    for (const run of runs.filter(({ code }) => code === 5))
      expect(run.stderr).toContain('The backup storage ID bkst-race is already taken')
    expect(await database.query("SELECT COUNT(*) AS n FROM backup_storages WHERE uuid = 'race'")).toEqual([{ n: 1 }])
  })
})
