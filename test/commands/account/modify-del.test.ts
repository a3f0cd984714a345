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
        ...['a-kept', 'a-rich', 'a-gone'].map((id) => `account add --uuid ${id} --description old`),
        'account del a-gone',
        'image add local bo-o --uuid wmi-1 --account-id a-rich',
        'image add local bo-o --uuid wmi-2 --account-id a-rich',
        'image add local bo-o --uuid wmi-3 --account-id a-rich',
        'image del wmi-3',
      ],
      { database },
    )
  })
  afterAll(() => database.remove())
  const show = (id: string) => vdcManageJson(['account', 'show', id], { database })
  const modify = (...words: string[]) => vdcManage(['account', 'modify', ...words], { database })
  const silent = { code: 0, signal: undefined, stdout: '', stderr: '' }

  test('account modify changes only what is given, and records no history', async () => {
    const before = await show('a-kept')
    const { histories } = await allRows(database)
    expect(await modify('a-kept', '--description', 'new')).toEqual(silent)
    expect(await show('a-kept')).toEqual({ ...before, description: 'new', updated_at: expect.any(String) })
    expect(await modify('a-kept', '--disable', '--description', '')).toEqual(silent)
    expect(await show('a-kept')).toMatchObject({ description: null, enabled: false })
    await expectRefused(database, ['image', 'add', 'local', 'bo-o', '--account-id', 'a-kept'], {
      exit: 5,
      message: 'Account a-kept is disabled',
    })
    expect(await modify('kept', '--enable')).toEqual(silent)
    expect(await show('a-kept')).toMatchObject({ description: null, enabled: true })
    const rows = await allRows(database)
    expect(rows.histories).toEqual(histories)
    expect(await modify('a-kept', '--enable')).toEqual(silent)
    expect(await allRows(database)).toEqual(rows)
  })

  test('account modify changes the description of a system account', async () => {
    expect(await modify('a-shpoolxx', '--description', 'the pool', '--enable')).toEqual(silent)
    expect((await show('a-shpoolxx')).description).toBe('the pool')
  })

  test('account del keeps an account that owns images without --force, and leaves its images', async () => {
    await expectRefused(database, ['account', 'del', 'a-rich'], {
      exit: 5,
      message: 'Account a-rich owns images: wmi-1, wmi-2',
      hint: '--force',
    })
    await runLines(['image modify wmi-1 --account-id a-shpoolxx'], { database })
    await expectRefused(database, ['account', 'del', 'a-rich'], { exit: 5, message: 'owns images: wmi-2' })
    expect(await vdcManage(['account', 'del', 'a-rich', '--force'], { database })).toEqual(silent)
    const gone = await show('a-rich')
    expect(gone).toMatchObject({ enabled: true, deleted_at: gone.updated_at })
    expect(await vdcManageJson(['image', 'show', 'wmi-2'], { database })).toMatchObject({
      account_id: 'a-rich',
      state: 'available',
    })
    expect((await vdcManage(['account', 'list', '--quiet'], { database })).stdout).not.toContain('a-rich')
  })

  test('account del deletes the others if one of several accounts fails', async () => {
    await runLines(['account add --uuid a-x', 'account add --uuid a-y'], { database })
    const run = await vdcManage(['account', 'del', 'a-x', 'a-shpoolxx', 'a-y'], { database })
    expect(run).toMatchObject({
      code: 9,
      stdout: '',
      stderr: 'Error: System account a-shpoolxx cannot be deleted\n',
    })
    for (const id of ['a-x', 'a-y']) expect((await show(id)).deleted_at).not.toBeNull()
    expect((await show('a-shpoolxx')).deleted_at).toBeNull()
  })

  test.each([
    [['del', 'a-shpoolxx', '--force'], { exit: 5, message: 'System account a-shpoolxx cannot be deleted' }],
    [['del', '00000000'], { exit: 5, message: 'System account a-00000000 cannot be deleted' }],
    [['modify', 'a-shpoolxx', '--disable'], { exit: 5, message: 'System account a-shpoolxx cannot be disabled' }],
    [['del', 'a-gone'], { exit: 5, message: 'Account a-gone was deleted at ' }],
    [
      ['modify', 'a-gone', '--enable'],
      { exit: 5, message: 'Account a-gone was deleted at ', hint: 'List all accounts with: ' },
    ],
    [['del', 'a-nobody'], { exit: 4, message: 'Account a-nobody does not exist' }],
    [['modify', 'a-KEPT', '--enable'], { exit: 4, message: 'Account a-KEPT does not exist' }],
    [
      ['modify', 'a-kept', '--enable', '--disable'],
      { exit: 2, message: '--disable and --enable cannot be used together' },
    ],
    [['modify', 'a-kept', '--description', 'x'.repeat(256)], { exit: 3, message: 'description must not be longer' }],
    [
      ['modify', 'a-kept', '--description', 'a\nb'],
      { exit: 3, message: 'description must not contain control characters' },
    ],
    [['del'], { exit: 2, message: 'Missing argument: ID' }],
  ] as [string[], Refusal][])('account %j is refused', async (words, refusal) => {
    await expectRefused(database, ['account', ...words], refusal)
  })
})
