import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { changesBetween } from '../../support/databases/row-changes.ts'
import { contentsOf, insert, LONG_AGO, newWakame } from '../../support/databases/wakame.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'

describe.each(ENGINES)('image undelete on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    const object = (id: string) =>
      `backupobject add --uuid ${id} --display-name ${id} --storage-id bkst-s --object-key ${id}.raw --size 512 --checksum ${'0'.repeat(32)}`
    await runLines(
      [
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
        ...['bo-o', 'bo-gone', 'bo-lost'].map(object),
        ...['a-one', 'a-gone'].map((id) => `account add --uuid ${id}`),
        'image add local bo-o --uuid wmi-a --account-id a-one',
        'image add local bo-o --uuid wmi-p --account-id a-one --state pending',
        'image add local bo-o --uuid wmi-alive --account-id a-one',
        'image add local bo-o --uuid wmi-old --account-id a-one',
        'image add local bo-gone --uuid wmi-o --account-id a-one',
        'image add local bo-lost --uuid wmi-l --account-id a-one',
        'image add local bo-o --uuid wmi-h --account-id a-gone',
        ...['alive', 'o', 'old'].map(
          (id) => `image add local bo-o --uuid wmi-of${id} --account-id a-one --parent-image-id wmi-${id}`,
        ),
        'image label wmi-a os=lucid',
        'image del wmi-a wmi-p wmi-o wmi-l wmi-h wmi-old wmi-ofalive wmi-ofo wmi-ofold',
        'image purge wmi-old --older-than 0d --yes',
        'backupobject del bo-gone',
        'account del a-gone',
      ],
      { database },
    )
    await database.query("DELETE FROM backup_objects WHERE uuid = 'lost'")
  })
  afterAll(() => database.remove())

  test('restores an image as it was, and records it in the history', async () => {
    const before = await allRows(database)
    const run = await vdcManage(['image', 'undelete', 'wmi-a', 'p'], { database })
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await vdcManageJson(['image', 'show', 'wmi-a', 'wmi-p'], { database })).toMatchObject([
      { state: 'available', deleted_at: null, labels: { os: 'lucid' } },
      { state: 'pending', deleted_at: null },
    ])
    const after = await allRows(database)
    expect(
      after.histories.slice(before.histories.length).map(({ uuid, attr, vchar_value }) => [uuid, attr, vchar_value]),
    ).toEqual(
      [
        ['wmi-a', 'available'],
        ['wmi-p', 'pending'],
      ].flatMap(([id, state]) => [
        [id, 'deleted_at', null],
        [id, 'state', state],
        [id, 'updated_at', expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)],
      ]),
    )
    const [row] = after.images.filter(({ uuid }) => uuid === 'a')
    expect(row).toMatchObject({ deleted_at: null, state: 'available', updated_at: after.histories.at(-4)?.vchar_value })
    const { images, histories, ...others } = after
    const { images: _, histories: __, ...same } = before
    expect(others).toEqual(same)
    expect(images).toHaveLength(before.images.length)
  })

  test('restores the state after two deletions', async () => {
    await runLines(['image del wmi-p', 'image undelete wmi-p', 'image del wmi-p', 'image undelete wmi-p'], { database })
    expect(await vdcManageJson(['image', 'show', 'wmi-p'], { database })).toMatchObject({ state: 'pending' })
  })

  test('warns about an image that is not deleted', async () => {
    const before = await allRows(database)
    expect(await vdcManage(['image', 'undelete', 'wmi-alive'], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Warning: wmi-alive is not deleted\n',
    })
    expect(await allRows(database)).toEqual(before)
  })

  test('refuses an image that is not deleted with --strict, as del refuses a deleted one', async () => {
    await expectRefused(database, ['image', 'undelete', 'wmi-alive', '--strict'], {
      exit: 5,
      message: 'Image wmi-alive is not deleted',
      hint: 'Omit --strict',
    })
    await expectRefused(database, ['image', 'del', 'wmi-l'], {
      exit: 5,
      message: 'Image wmi-l is already deleted',
      hint: 'Use --ignore-missing',
    })
  })

  test('restores an image whose parent is deleted or purged, with a warning', async () => {
    const undelete = () => vdcManage(['image', 'undelete', 'wmi-ofalive', 'wmi-ofo', 'wmi-ofold'], { database })
    expect(await undelete()).toMatchObject({
      code: 0,
      stderr: [
        'Warning: The parent wmi-o of wmi-ofo is deleted; restore it with: vdc-manage image undelete wmi-o\n',
        'Warning: The parent wmi-old of wmi-ofold was purged\n',
      ].join(''),
    })
    // Neither Wakame-vdc nor manual changes check that the image exists.
    await database.query(`UPDATE images SET parent_image_id = 'none', deleted_at = '${LONG_AGO}' WHERE uuid = 'ofold'`)
    expect((await undelete()).stderr).toContain('Warning: The parent none of wmi-ofold does not exist\n')
    const rows = await database.query(
      "SELECT uuid, state, deleted_at, parent_image_id FROM images WHERE uuid LIKE 'of%' ORDER BY id",
    )
    const back = { state: 'available', deleted_at: null }
    expect(rows).toEqual([
      { uuid: 'ofalive', ...back, parent_image_id: 'wmi-alive' },
      { uuid: 'ofo', ...back, parent_image_id: 'wmi-o' },
      { uuid: 'ofold', ...back, parent_image_id: 'none' },
    ])
  })

  test.each([
    [
      'an image whose object is deleted',
      ['wmi-o'],
      { exit: 5, message: /^Error: Backup object bo-gone was deleted at \S+Z, so image wmi-o could not boot$/ },
    ],
    [
      'an image whose object does not exist',
      ['wmi-l'],
      { exit: 5, message: 'Image wmi-l could not boot: its backup object bo-lost does not exist' },
    ],
    ['an image whose owner is deleted', ['wmi-h'], { exit: 5, message: 'Account a-gone was deleted at' }],
    ['an unknown image', ['wmi-nope'], { exit: 4, message: 'Image wmi-nope does not exist' }],
  ] as [string, string[], Refusal][])('refuses %s', async (_, words, refusal) => {
    await expectRefused(database, ['image', 'undelete', ...words], refusal)
  })

  test('a refused change of a deleted image hints at undelete', async () => {
    await expectRefused(database, ['image', 'modify', 'wmi-o', '--description', 'x'], {
      exit: 5,
      message: 'Image wmi-o is deleted',
      hint: 'Restore it with: vdc-manage image undelete wmi-o',
    })
  })
})

test('image undelete on a database of Wakame-vdc needs --state without history, and restores no tags', async () => {
  const database = await newWakame(inject('mariadb').port)
  await insert(database, 'backup_storages', { id: 1, uuid: 'local' })
  await insert(database, 'backup_objects', { id: 1, uuid: 'lucid' })
  const deleted = { backup_object_id: 'bo-lucid', state: 'deleted' }
  await insert(database, 'images', { id: 1, uuid: 'old', ...deleted, account_id: 'a-nowhere', deleted_at: LONG_AGO })
  await insert(database, 'images', { id: 2, uuid: 'odd', ...deleted })
  const before = await contentsOf(database)
  await expectRefused(database, ['image', 'undelete', 'wmi-old'], {
    exit: 5,
    message: 'The history of wmi-old does not record its state before the deletion',
    hint: 'Set the state with: vdc-manage image undelete wmi-old --state available',
  })
  const undelete = ['image', 'undelete', 'wmi-old', 'wmi-odd', '--state', 'available']
  expect(await vdcManage(undelete, { database })).toMatchObject({
    code: 0,
    stderr: '',
  })
  const after = await contentsOf(database)
  expect(after.untouchable).toEqual(before.untouchable)
  const now = expect.any(String)
  expect(changesBetween(before, after)).toMatchObject([
    {
      table: 'histories',
      added: [
        { uuid: 'wmi-old', attr: 'deleted_at', vchar_value: null },
        { uuid: 'wmi-old', attr: 'state', vchar_value: 'available' },
        { uuid: 'wmi-old', attr: 'updated_at', vchar_value: now },
        // The original can set the state alone.
        { uuid: 'wmi-odd', attr: 'state', vchar_value: 'available' },
        { uuid: 'wmi-odd', attr: 'updated_at', vchar_value: now },
      ],
    },
    {
      table: 'images',
      changed: [
        { id: 1, new: { deleted_at: null, state: 'available', updated_at: now } },
        { id: 2, new: { state: 'available', updated_at: now } },
      ],
    },
  ])
  await database.remove()
})
