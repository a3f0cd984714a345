import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'

const MD5 = '0123456789abcdef0123456789abcdef'
const KNOWN = [
  '--display-name',
  'x',
  '--storage-id',
  'bkst-s',
  '--object-key',
  'x.raw',
  '--size',
  '512',
  '--checksum',
  MD5,
]
/** Returns the options with one value replaced, or one option added. */
const withOption = (name: string, value: string) =>
  KNOWN.includes(name) ? KNOWN.map((word, at) => (KNOWN[at - 1] === name ? value : word)) : [...KNOWN, name, value]

describe.each(ENGINES)('backup objects on %s', (engine) => {
  let database: TestDatabase
  const folder = newFolder()
  const path = (name: string) => join(folder.path, name)
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines(
      [
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
        'backupstorage add --uuid bkst-gone --display-name s --base-uri file:///srv/gone/ --storage-type local',
        'backupstorage del bkst-gone',
        'account add --uuid a-idle',
        'account modify a-idle --disable',
        `backupobject add --uuid bo-kept ${KNOWN.join(' ')}`,
      ],
      { database },
    )
    await makeImage(path('disk.raw'), { format: 'raw', size: '3M' })
    writeFileSync(path('disk.raw'), 'not only zeros', { flag: 'r+' })
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })
  const show = (id: string) => vdcManageJson(['backupobject', 'show', id], { database })
  async function add(...options: string[]): Promise<string> {
    const run = await vdcManage(['backupobject', 'add', ...options], { database })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(/^bo-\w+\n$/)
    return run.stdout.trim()
  }

  test('add uses the defaults of the original', async () => {
    const id = await add(...KNOWN)
    expect(id).toMatch(/^bo-[a-z0-9]{8}$/)
    expect(await show(id)).toMatchObject({
      account_id: 'a-shpoolxx',
      state: 'available',
      progress: 100,
      service_type: 'std',
      backup_storage_id: 'bkst-s',
      uri: 'file:///srv/s/x.raw',
      container_format: 'none',
      size: 512,
      allocation_size: 512,
      checksum: MD5,
      description: null,
      source_volume_id: '',
    })
  })

  test('sizes are exact up to 2^63-1', async () => {
    for (const size of ['9007199254740993', '9223372036854775807', '0']) {
      const id = await add(...withOption('--size', size), '--allocation-size', size)
      const json = (await vdcManage(['backupobject', 'show', id, '--json'], { database })).stdout
      expect(json).toContain(`"size": ${size},`)
      expect(json).toContain(`"allocation_size": ${size},`)
      const [row] = await database.query('SELECT CAST(size AS CHAR) AS size FROM backup_objects WHERE uuid = ?', [
        id.slice(3),
      ])
      expect(String(row?.size)).toBe(size)
      const list = (await vdcManage(['backupobject', 'list', '--json'], { database })).stdout
      expect(list).toContain(`"size": ${size},`)
      const [last] = await database.query("SELECT vchar_value FROM histories WHERE uuid = ? AND attr = 'size'", [id])
      expect(last?.vchar_value).toBe(size)
    }
  })

  test('an available object has progress 100, whatever is given', async () => {
    const run = await vdcManage(['backupobject', 'add', '--uuid', 'bo-prog', ...KNOWN, '--progress', '40'], {
      database,
    })
    expect(run).toMatchObject({
      code: 0,
      stdout: 'bo-prog\n',
      stderr: 'Warning: Progress is set to 100, not 40: an object that is available is complete\n',
    })
    expect((await show('bo-prog')).progress).toBe(100)
    const creating = await add(...KNOWN, '--state', 'creating', '--progress', '33.25')
    expect((await show(creating)).progress).toBe(33.25)
    await vdcManage(['backupobject', 'modify', creating, '--state', 'available'], { database, reject: true })
    expect(await show(creating)).toMatchObject({ state: 'available', progress: 100 })
    const none = await add(...KNOWN, '--state', 'pending')
    expect((await show(none)).progress).toBe(0)
  })

  test('modify changes only what is given, and records it in the history', async () => {
    const id = await add(...KNOWN, '--description', 'old', '--account-id', 'a-00000000')
    const before = await show(id)
    const run = await vdcManage(['backupobject', 'modify', id, '--description', '', '--size', '9007199254740993'], {
      database,
    })
    expect(run).toEqual({ code: 0, signal: undefined, stdout: '', stderr: '' })
    const after = await show(id)
    // JavaScript rounds the number when it parses it; the stored one is exact.
    expect(after).toEqual({
      ...before,
      description: null,
      size: Number('9007199254740993'),
      updated_at: after.updated_at,
    })
    const history = await database.query('SELECT attr, vchar_value FROM histories WHERE uuid = ? ORDER BY id', [id])
    expect(history.slice(20)).toEqual([
      { attr: 'size', vchar_value: '9007199254740993' },
      { attr: 'description', vchar_value: null },
      { attr: 'updated_at', vchar_value: after.updated_at.replace('T', ' ').replace('Z', '') },
    ])
    const rows = await allRows(database)
    await vdcManage(['backupobject', 'modify', id, '--size', '09007199254740993', '--checksum', MD5.toUpperCase()], {
      database,
      reject: true,
    })
    expect(await allRows(database)).toEqual(rows)
  })

  test('del keeps a used object without --force, and list hides deleted ones', async () => {
    const id = await add(...KNOWN)
    const images = await runLines(
      [1, 2].map(() => `image add local ${id} --account-id a-shpoolxx`),
      { database },
    )
    await expectRefused(database, ['backupobject', 'del', id], {
      exit: 5,
      message: `Backup object ${id} is used by images: ${images.join(', ')}`,
      hint: '--force',
    })
    await vdcManage(['image', 'del', images[0] as string], { database, reject: true })
    await expectRefused(database, ['backupobject', 'del', id], { exit: 5, message: `images: ${images[1]}` })
    expect(await vdcManage(['backupobject', 'del', id, '--force'], { database })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect((await show(id)).state).toBe('deleted')
    // The image still exists, and still has the URI of its file.
    expect(await vdcManageJson(['image', 'show', images[1] as string], { database })).toMatchObject({
      backup_object_id: id,
      backup_object: { state: 'deleted' },
    })
    const ids = async (...options: string[]) =>
      (await vdcManage(['backupobject', 'list', '--quiet', ...options], { database })).stdout.split('\n')
    expect(await ids()).not.toContain(id)
    expect(await ids('--all')).toContain(id)
    await expectRefused(database, ['backupobject', 'del', id], {
      exit: 5,
      message: `Backup object ${id} was deleted at`,
    })
    await expectRefused(database, ['backupobject', 'modify', id, '--size', '1'], {
      exit: 5,
      message: `${id} was deleted at`,
    })
    await expectRefused(database, ['image', 'add', 'local', id, '--account-id', 'a-shpoolxx'], {
      exit: 5,
      message: `${id} was deleted at`,
    })
    await expectRefused(database, ['backupobject', 'add', '--uuid', id, ...KNOWN], {
      exit: 5,
      message: `The backup object ID ${id} is already taken`,
    })
  })

  const refused: [name: string, options: string[], refusal: Refusal][] = [
    ['missing options', [], { exit: 2, message: 'Missing options --object-key, --size, --checksum' }],
    ['an empty name', withOption('--display-name', ''), { exit: 3, message: '--display-name must not be empty' }],
    [
      'an unknown storage',
      withOption('--storage-id', 'bkst-nope'),
      { exit: 3, message: 'Backup storage bkst-nope does not exist', hint: 'bkst-s' },
    ],
    [
      'a deleted storage',
      withOption('--storage-id', 'bkst-gone'),
      { exit: 3, message: 'Backup storage bkst-gone does not exist' },
    ],
    [
      'no storage',
      KNOWN.filter((_, at) => at !== 2 && at !== 3),
      { exit: 3, message: '--storage-id is missing', hint: '--storage-id' },
    ],
    ['a space in the key', withOption('--object-key', 'a b'), { exit: 3, message: '--object-key contains a space' }],
    [
      'a key that would need escaping',
      withOption('--object-key', 'a%20b'),
      { exit: 3, message: "--object-key contains the character '%'" },
    ],
    [
      'a Japanese key',
      withOption('--object-key', '画像.raw'),
      { exit: 3, message: '--object-key contains the character U+753B' },
    ],
    [
      'a long key',
      withOption('--object-key', 'k'.repeat(256)),
      { exit: 3, message: '--object-key must not be longer than 255' },
    ],
    ...['9223372036854775808', '-1', '1.5', '10G', '1e3', ' 1', '', '0x10'].map((size): [string, string[], Refusal] => [
      `the size '${size}'`,
      [...withOption('--size', 'SIZE').filter((word) => word !== '--size' && word !== 'SIZE'), `--size=${size}`],
      { exit: 3, message: '--size must be a whole number of bytes, from 0 to 9223372036854775807' },
    ]),
    [
      'an invalid allocation size',
      [...KNOWN, '--allocation-size', 'x'],
      { exit: 3, message: '--allocation-size must be a whole' },
    ],
    [
      'a checksum other than MD5',
      withOption('--checksum', 'a'.repeat(64)),
      { exit: 3, message: '--checksum must be an MD5 checksum' },
    ],
    [
      'an unknown container',
      [...KNOWN, '--container-format', 'zip'],
      { exit: 3, message: '--container-format must be one of' },
    ],
    ['the state deleted', [...KNOWN, '--state', 'deleted'], { exit: 3, message: '--state must be one of' }],
    [
      'a progress above 100',
      [...KNOWN, '--state', 'creating', '--progress', '101'],
      { exit: 3, message: '--progress must be a number from 0 to 100' },
    ],
    [
      'an unknown account',
      [...KNOWN, '--account-id', 'a-nobody'],
      { exit: 4, message: 'Account a-nobody does not exist' },
    ],
    ['a disabled account', [...KNOWN, '--account-id', 'a-idle'], { exit: 5, message: 'Account a-idle is disabled' }],
    [
      'a taken ID',
      [...KNOWN, '--uuid', 'bo-kept'],
      { exit: 5, message: 'The backup object ID bo-kept is already taken' },
    ],
    [
      'a taken ID in another case',
      [...KNOWN, '--uuid', 'KEPT'],
      { exit: 5, message: 'The backup object ID bo-KEPT is already taken' },
    ],
    ['a wrong prefix', [...KNOWN, '--uuid', 'wmi-x'], { exit: 3, message: "'wmi-x' is not a valid backup object ID" }],
    [
      'sizes together with a file',
      [...KNOWN, '--from-file', '/x'],
      { exit: 2, message: '--from-file cannot be used together' },
    ],
  ]
  test.each(refused)('add refuses %s', async (_, options, refusal) => {
    await expectRefused(database, ['backupobject', 'add', ...options], refusal)
  })
  test.each(refused.filter(([, options]) => options.length === KNOWN.length && !options.includes('bo-kept')))(
    'modify refuses %s too',
    async (_, options, refusal) => {
      // Each differs from the known options in one value.
      await expectRefused(database, ['backupobject', 'modify', 'bo-kept', ...options], refusal)
    },
  )
  test('show, modify and del exit with 4 for a missing object', async () => {
    for (const args of [['show'], ['modify', '--size', '1'], ['del']]) {
      const [verb = '', ...rest] = args
      await expectRefused(database, ['backupobject', verb, 'bo-nope', ...rest], {
        exit: 4,
        message: 'Backup object bo-nope does not exist',
      })
    }
    await expectRefused(database, ['backupobject', 'show', 'bo-kept', '--all'], {
      exit: 2,
      message: '--all is for lists and cannot be used with IDs',
    })
  })

  describe('add --from-file', () => {
    const pack = (command: string) => execa('bash', ['-c', command], { cwd: folder.path })
    test.each([
      ['none', 'plain.raw', 'cp disk.raw plain.raw'],
      ['gz', 'disk.raw.gz', 'gzip -kc disk.raw > disk.raw.gz'],
      ['tar', 'disk.tar', 'tar -cf disk.tar disk.raw'],
      ['tgz', 'disk.tgz', 'tar -czf disk.tgz disk.raw'],
      ['tgz', 'sparse.tgz', 'tar -Sczf sparse.tgz disk.raw'],
      [
        'tar',
        'holes.tar',
        'cp disk.raw holes.raw; for at in $(seq 1 60); do printf x | dd of=holes.raw bs=1 seek=$((at * 40960)) conv=notrunc status=none; done; tar -Scf holes.tar holes.raw',
      ],
      ['tar', 'posix.tar', 'tar --format=posix -Scf posix.tar disk.raw'],
      ['tgz', 'longname.tgz', `cp disk.raw ${'n'.repeat(180)}; tar -czf longname.tgz ${'n'.repeat(180)}`],
    ])('%s from %s', async (format, name, command) => {
      await pack(command)
      const id = await add('--from-file', path(name))
      const stored = await show(id)
      expect(stored).toMatchObject({
        container_format: format,
        size: 3 * 1024 * 1024,
        checksum: hashOf(path(name), 'md5'),
        sha256: hashOf(path(name), 'sha256'),
        uri: `file://${path(name)}`,
      })
      expect(stored.allocation_size).toBe(statSync(path(name)).size)
      await expectRefused(database, ['backupobject', 'add', '--from-file', path(name)], {
        exit: 5,
        message: `already registered as ${id}`,
      })
    })

    test('uses the same object as image add local, and keeps the given ID, key and storage', async () => {
      await pack('cp disk.raw shared.raw')
      const id = await add('--from-file', path('shared.raw'), '--uuid', 'bo-shared', '--display-name', 'named')
      expect(id).toBe('bo-shared')
      const image = await vdcManageJson(['image', 'add', 'local', path('shared.raw'), '--account-id', 'a-shpoolxx'], {
        database,
      })
      expect(image.backup_object).toMatchObject({ id: 'bo-shared', display_name: 'named' })
      // A copy in another storage.
      const copy = await add('--from-file', path('shared.raw'), '--storage-id', 'bkst-s', '--object-key', 'there.raw')
      expect(await show(copy)).toMatchObject({
        uri: 'file:///srv/s/there.raw',
        checksum: hashOf(path('shared.raw'), 'md5'),
      })
    })

    test('images of the object get the detected file format, unless another is given', async () => {
      await pack('qemu-img create -q -f qcow2 format.qcow2 8G && cp disk.raw format.raw')
      for (const [file, format] of [
        ['format.qcow2', 'qcow2'],
        ['format.raw', 'raw'],
      ] as const) {
        const id = await add('--from-file', path(file))
        const image = (more: string[]) =>
          vdcManageJson(['image', 'add', 'local', id, '--account-id', 'a-shpoolxx', ...more], { database })
        expect(await image([])).toMatchObject({ file_format: format })
        expect(await image(['--file-format', 'vdi'])).toMatchObject({ file_format: 'vdi' })
      }
    })

    const broken: [name: string, file: string, make: string, refusal: Refusal][] = [
      [
        'an archive of two files',
        'two.tgz',
        'tar -czf two.tgz disk.raw plain.raw',
        { exit: 3, message: 'holds more than one file' },
      ],
      [
        'an archive of a directory',
        'dir.tar',
        'mkdir -p d && cp disk.raw d && tar -cf dir.tar d',
        { exit: 3, message: 'holds more than a disk image' },
      ],
      [
        'an archive of a link',
        'link.tar',
        'ln -sf disk.raw l && tar -cf link.tar l',
        { exit: 3, message: 'holds more than a disk image' },
      ],
      [
        'a truncated archive',
        'cut.tar',
        'tar -cf whole.tar disk.raw && head -c 1M whole.tar > cut.tar',
        { exit: 3, message: 'cut.tar is a damaged or truncated tar archive' },
      ],
      [
        'a truncated gzip file',
        'cut.gz',
        'gzip -kc disk.raw | head -c 2000 > cut.gz',
        { exit: 3, message: 'cut.gz is damaged or truncated' },
      ],
      [
        'a damaged header',
        'sum.tar',
        'tar -cf sum.tar disk.raw && printf X | dd of=sum.tar bs=1 seek=20 conv=notrunc status=none',
        { exit: 3, message: 'damaged' },
      ],
      ['xz', 'disk.xz', 'xz -kc disk.raw > disk.xz', { exit: 3, message: 'compressed with xz' }],
      [
        'a backing file',
        'over.qcow2',
        'qemu-img create -q -f qcow2 -b disk.raw -F raw over.qcow2',
        { exit: 3, message: 'refers to the backing file' },
      ],
      ['an unsafe path', 'a b.raw', 'cp disk.raw "a b.raw"', { exit: 3, message: 'contains a space' }],
      ['a FIFO', 'fifo', 'mkfifo fifo', { exit: 3, message: 'a FIFO' }],
      ['a missing file', 'nope.raw', 'true', { exit: 3, message: 'does not exist' }],
    ]
    test.each(broken)('refuses %s', async (_, file, make, refusal) => {
      await pack(make)
      await expectRefused(database, ['backupobject', 'add', '--from-file', path(file)], refusal)
    })
  })

  test('one of many processes that add the same ID at once succeeds', async () => {
    const runs = await Promise.all(
      Array.from({ length: 10 }, () =>
        vdcManage(['backupobject', 'add', '--uuid', 'bo-race', ...KNOWN], { database, process: true }),
      ),
    )
    expect(runs.map(({ code }) => code).sort()).toEqual([0, ...Array(9).fill(5)])
    for (const run of runs.filter(({ code }) => code === 5))
      expect(run.stderr).toContain('The backup object ID bo-race is already taken')
    expect(await database.query("SELECT COUNT(*) AS n FROM histories WHERE uuid = 'bo-race'")).toEqual([{ n: 20 }])
  })
})
