import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'

const MD5 = '0123456789abcdef0123456789abcdef'

describe.each(ENGINES)('image modify on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    const object = (id: string, more = '') =>
      `backupobject add --uuid ${id} --display-name ${id} --storage-id bkst-s --object-key ${id}.raw --size 512 --checksum ${MD5} ${more}`
    await runLines(
      [
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
        object('bo-first'),
        object('bo-other'),
        object('bo-pending', '--state pending --progress 10'),
        object('bo-gone'),
        'backupobject del bo-gone',
        'account add --uuid a-rich',
        'account add --uuid a-idle',
        'account modify a-idle --disable',
        'account add --uuid a-gone',
        'account del a-gone',
        'image add local bo-first --uuid wmi-parent --account-id a-rich',
        'image add local bo-first --uuid wmi-child --account-id a-rich --parent-image-id wmi-parent',
        'image add local bo-first --uuid wmi-gone --account-id a-rich',
        'image del wmi-gone',
      ],
      { database },
    )
  })
  afterAll(() => database.remove())

  let made = 0
  async function newImage(options = ''): Promise<string> {
    const line = `image add local bo-first --account-id a-rich --uuid wmi-m${++made} ${options}`
    const [id] = await runLines([line], { database })
    return id as string
  }

  async function historyOf(id: string): Promise<[string, unknown][]> {
    const rows = await database.query('SELECT attr, vchar_value FROM histories WHERE uuid = ? ORDER BY id', [id])
    return rows.slice(23).map((row) => [row.attr as string, row.vchar_value])
  }

  test('changes only what is given, and prints nothing', async () => {
    const id = await newImage('--os-type windows --description old --root-device label:root --is-public')
    const before = await vdcManageJson(['image', 'show', id], { database })
    const run = await vdcManage(['image', 'modify', id, '--description', 'new', '--no-is-public'], { database })
    expect(run).toEqual({ code: 0, signal: undefined, stdout: '', stderr: '' })
    const after = await vdcManageJson(['image', 'show', id], { database })
    expect(after).toEqual({
      ...before,
      description: 'new',
      is_public: false,
      visibility: 'private',
      updated_at: after.updated_at,
    })
    expect(await historyOf(id)).toEqual([
      ['description', 'new'],
      ['is_public', '0'],
      ['updated_at', after.updated_at.replace('T', ' ').replace('Z', '')],
    ])
  })

  test('takes the option names of image list too', async () => {
    const id = await newImage('--name old --public')
    expect(await vdcManageJson(['image', 'show', id], { database })).toMatchObject({
      display_name: 'old',
      is_public: true,
    })
    await vdcManage(['image', 'modify', id, '--name', 'new', '--no-public'], { database, reject: true })
    expect(await vdcManageJson(['image', 'show', id], { database })).toMatchObject({
      display_name: 'new',
      is_public: false,
    })
  })

  test('writes nothing for unchanged values', async () => {
    const id = await newImage('--description same')
    const before = await allRows(database)
    for (const options of [
      ['--description', 'same'],
      ['--arch', 'x86_64', '--no-is-public', '--account-id', 'rich'],
    ]) {
      expect(await vdcManage(['image', 'modify', id, ...options], { database })).toMatchObject({ code: 0, stderr: '' })
    }
    expect(await allRows(database)).toEqual(before)
  })

  test('without options changes nothing, and says so', async () => {
    const id = await newImage('--description same')
    const before = await allRows(database)
    for (const verb of ['modify', 'features']) {
      expect(await vdcManage(['image', verb, id], { database })).toEqual({
        code: 0,
        signal: undefined,
        stdout: '',
        stderr: 'Nothing to change: no new values were given\n',
      })
    }
    expect(await allRows(database)).toEqual(before)
    await expectRefused(database, ['image', 'modify', 'wmi-nope'], {
      exit: 4,
      message: 'Image wmi-nope does not exist',
    })
  })

  test('an empty text clears nullable values', async () => {
    const id = await newImage('--description d --root-device label:r --parent-image-id wmi-parent')
    const empty = ['description', 'root-device', 'parent-image-id', 'backup-object-id']
    const args = ['image', 'modify', id, ...empty.flatMap((name) => [`--${name}`, '']), '--instance-model-name', '']
    expect(await vdcManage(args, { database })).toMatchObject({ code: 0, stderr: '' })
    const [row] = await database.query('SELECT * FROM images WHERE uuid = ?', [id.replace('wmi-', '')])
    expect(row).toMatchObject({
      description: null,
      root_device: null,
      parent_image_id: null,
      backup_object_id: null,
      instance_model_name: '',
    })
    expect((await historyOf(id)).map(([attr, value]) => (attr === 'updated_at' ? attr : [attr, value]))).toEqual([
      ['description', null],
      ['root_device', null],
      ['parent_image_id', null],
      ['backup_object_id', null],
      'updated_at',
    ])
  })

  test('--json prints the changed image', async () => {
    const id = await newImage()
    const shown = await vdcManageJson(['image', 'modify', id, '--backup-object-id', 'other'], { database })
    expect(shown).toMatchObject({ id, backup_object_id: 'bo-other', backup_object: { object_key: 'bo-other.raw' } })
  })

  const refused: [name: string, options: string[], refusal: Refusal][] = [
    ['an unknown state', ['--state', 'bogus'], { exit: 3, message: '--state must be one of' }],
    ['the state deleted', ['--state', 'deleted'], { exit: 3, message: '--state must be one of' }],
    ['an unknown arch', ['--arch', 'arm'], { exit: 3, message: '--arch must be one of' }],
    ['an unknown file format', ['--file-format', 'dmg'], { exit: 3, message: '--file-format must be one of' }],
    ['an empty name', ['--display-name', ''], { exit: 3, message: '--display-name must not be empty' }],
    [
      'an escape sequence',
      ['--description', '\u001b[31m'],
      { exit: 3, message: 'description must not contain control' },
    ],
    [
      'a long root device',
      ['--root-device', 'r'.repeat(256)],
      { exit: 3, message: '--root-device must not be longer' },
    ],
    ['an unknown account', ['--account-id', 'a-nobody'], { exit: 4, message: 'Account a-nobody does not exist' }],
    [
      'a disabled account',
      ['--account-id', 'a-idle'],
      {
        exit: 5,
        message: 'Account a-idle is disabled',
        hint: 'Enable it with: vdc-manage account modify a-idle --enable',
      },
    ],
    ['a deleted account', ['--account-id', 'a-gone'], { exit: 5, message: 'Account a-gone was deleted' }],
    [
      'an unknown object',
      ['--backup-object-id', 'bo-nope'],
      { exit: 4, message: 'Backup object bo-nope does not exist' },
    ],
    [
      'a deleted object',
      ['--backup-object-id', 'bo-gone'],
      { exit: 5, message: 'Backup object bo-gone was deleted at' },
    ],
    [
      'an object that is not available yet',
      ['--backup-object-id', 'bo-pending'],
      { exit: 5, message: 'bo-pending is in state pending, not available', hint: 'backupobject modify bo-pending' },
    ],
    [
      'an ID that is not of an object',
      ['--backup-object-id', 'wmi-x'],
      { exit: 3, message: "'wmi-x' is not a valid backup object ID" },
    ],
    ['an unknown parent', ['--parent-image-id', 'wmi-nope'], { exit: 3, message: 'Parent image wmi-nope does not' }],
    ['a deleted parent', ['--parent-image-id', 'wmi-gone'], { exit: 3, message: 'Parent image wmi-gone is deleted' }],
    ['a new ID', ['--uuid', 'wmi-new'], { exit: 3, message: 'The ID of wmi-child cannot be changed to wmi-new' }],
    ['itself as parent', ['--parent-image-id', 'wmi-child'], { exit: 3, message: 'it would descend from itself' }],
    [
      'an option given twice',
      ['--arch', 'x86', '--arch', 'x86'],
      { exit: 2, message: '--arch is given more than once' },
    ],
    ['an unknown option', ['--colour', 'red'], { exit: 2, message: 'Unknown option: --colour' }],
  ]
  test.each(refused)('refuses %s', async (_, options, refusal) => {
    await expectRefused(database, ['image', 'modify', 'wmi-child', ...options], refusal)
  })

  test('refuses a child as the parent', async () => {
    await expectRefused(database, ['image', 'modify', 'wmi-parent', '--parent-image-id', 'wmi-child'], {
      exit: 3,
      message: 'Image wmi-parent cannot have the parent wmi-child: it would descend from itself',
    })
  })

  test.each(['modify --arch x86', 'features --virtio', 'label a=b'])(
    'image %s refuses a deleted and a missing image',
    async (line) => {
      const [verb, ...options] = line.split(' ') as [string, ...string[]]
      await expectRefused(database, ['image', verb, 'wmi-gone', ...options], {
        exit: 5,
        message: 'Image wmi-gone is deleted (since ',
      })
      await expectRefused(database, ['image', verb, 'wmi-nope', ...options], {
        exit: 4,
        message: 'Image wmi-nope does not exist',
      })
      await expectRefused(database, ['image', verb, 'wmi-PARENT', ...options], {
        exit: 4,
        message: 'Image wmi-PARENT does not exist',
      })
    },
  )
})
