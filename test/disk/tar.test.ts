import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { hashOf, newFolder, rawDisk } from '../support/files/images.ts'
import { BLOCK, entryBytes, longName, MAGICS, newEntry, paxEntry, paxRecord } from '../support/files/tar-bytes.ts'
import { vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { expectRefused } from '../support/refusals.ts'

interface Member {
  type?: string
  /** The size field of the header: octal digits, or raw bytes. */
  size?: string | Buffer
  body?: Buffer
  magic?: string
  name?: string
}

/** Returns a tar member: its header and its body. */
function member({ type = '0', body = Buffer.alloc(0), size, magic = MAGICS.posix, name = 'disk.raw' }: Member): Buffer {
  const own = typeof size === 'string' ? size : size?.toString('latin1')
  return entryBytes(newEntry(name, body, { type, magic, ...(own !== undefined && { size: own }) }))
}

/** Returns a pax header with these records, to put before the member that it describes. */
function pax(...keysAndValues: string[]): Buffer {
  let records = ''
  for (let each = 0; each < keysAndValues.length; each += 2)
    records += paxRecord(keysAndValues[each] as string, keysAndValues[each + 1] as string)
  return entryBytes(paxEntry(records))
}

const END = Buffer.alloc(2 * BLOCK)
const DISK = rawDisk(2 * BLOCK)

describe('tar archives', () => {
  let database: TestDatabase
  const folder = newFolder()
  let files = 0
  beforeAll(async () => {
    database = await newDatabase('sqlite')
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })
  function file(...parts: Buffer[]): string {
    const isGzip = parts[0]?.readUInt16BE(0) === 0x1f8b
    const path = join(folder.path, `${++files}.${isGzip ? 'tgz' : 'tar'}`)
    writeFileSync(path, Buffer.concat(parts))
    return path
  }

  const long = (name: string) => [entryBytes(longName(name)), member({ body: DISK, magic: MAGICS.gnu })]

  const upper = Buffer.alloc(12)
  upper[0] = 0x80
  upper[1] = 1
  upper.writeUInt32BE(1024, 8)
  const negative = Buffer.alloc(12, 0xff)
  const hostile: [name: string, parts: Buffer[]][] = [
    ...['-5', 'abc', '', '0x200', '511.5', '9007199254740993', '1e30', ' 1024', '99999999999999999999'].flatMap(
      (value) =>
        ['size', 'GNU.sparse.realsize', 'GNU.sparse.size'].map((key): [string, Buffer[]] => [
          `the pax record ${key}=${value}`,
          [pax(key, value), member({ body: DISK }), END],
        ]),
    ),
    ['a size of more than 64 bits', [member({ body: DISK, size: upper }), END]],
    ['a negative size', [member({ body: DISK, size: negative }), END]],
    ['a size that is not octal', [member({ body: DISK, size: '00000008888' }), END]],
    ['a size beyond the end of the file', [member({ body: DISK, size: '77777777777' }), END]],
    ['a pax header of several gigabytes', [member({ type: 'x', size: '20000000000' }), END]],
  ]
  test.each(hostile)('refuses an archive with %s', async (_, parts) => {
    await expectRefused(database, ['backupobject', 'add', '--from-file', file(...parts)], {
      exit: 3,
      message: /is a (?:damaged or truncated tar archive|tar archive that programs unpack differently): .*disk\.raw"/,
    })
  })

  test.each([
    ['an empty member', [member({}), END], 'holds an empty file'],
    ['no member', [pax('comment', 'x'), END], 'holds no file'],
    ['a second member', [member({ body: DISK }), member({ body: DISK }), END], 'holds more than one file'],
    ['a device', [member({ type: '3' }), END], 'holds more than a disk image: "disk.raw" is a character device'],
  ])('refuses an archive with %s', async (_, parts, message) => {
    await expectRefused(database, ['backupobject', 'add', '--from-file', file(...parts)], { exit: 3, message })
  })

  test.each([
    ['without an end mark', [member({ body: DISK })], 'tar', 1024],
    ['in v7 format', [member({ body: DISK, magic: '' }), END], 'tar', 1024],
    [
      'in v7 format, compressed with gzip',
      [gzipSync(Buffer.concat([member({ body: DISK, magic: '' }), END]))],
      'tgz',
      1024,
    ],
    [
      'with a ./ entry',
      [member({ name: './', type: '5' }), member({ name: './disk.raw', body: DISK }), END],
      'tar',
      1024,
    ],
    ['with a long name', [...long('x'.repeat(255)), END], 'tar', 1024],
    ['with a Latin-1 name', [member({ name: 'caf\xe9.raw', body: DISK }), END], 'tar', 1024],
    [
      'with its size in a pax record',
      [pax('size', '1024'), member({ body: DISK, size: '00000000000' }), END],
      'tar',
      1024,
    ],
    [
      'with a global pax header',
      [member({ type: 'g', body: Buffer.from('11 a=bcdef\n') }), member({ body: DISK }), END],
      'tar',
      1024,
    ],
  ])('accepts an archive %s', async (_, parts, format, size) => {
    const path = file(...parts)
    const run = await vdcManage(['backupobject', 'add', '--from-file', path], { database })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const shown = await vdcManageJson(['backupobject', 'show', run.stdout.trim()], { database })
    expect(shown).toMatchObject({ container_format: format, size })
    const image = await vdcManageJson(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })
    expect(image).toMatchObject({ file_format: 'raw', backup_object_id: shown.id })
  })

  const REPACK = 'Pack the disk image alone, at the top level: tar -C DIR -cf OUT FILE'
  /** Shell commands that make archives which the agents cannot use, and the reason. */
  test.each([
    [
      'a disk image in a folder',
      'mkdir d && cp a d/disk.raw && tar -cf OUT d/disk.raw',
      'holds "d/disk.raw" inside a folder',
    ],
    ['a folder with a disk image', 'tar -cf OUT d', 'more than a disk image: "d/" is a directory'],
    [
      'a disk image in a folder, in ustar format',
      'tar --format=ustar -cf OUT d/disk.raw',
      'holds "d/disk.raw" inside a folder',
    ],
    ['a hidden file', 'cp a .disk.raw && tar -cf OUT .disk.raw', 'holds ".disk.raw", a hidden file'],
    ['a hidden file below ./', 'tar -cf OUT ./.disk.raw', 'holds "./.disk.raw", a hidden file'],
    ['an absolute path', 'tar -Pcf OUT $PWD/a', /holds "\/.*\/a", an absolute path/],
    ['a path with ..', 'tar -C d -Pcf OUT ../a', 'holds "../a", a path with ".." in it'],
    ['a symbolic link', 'ln -s a link && tar -cf OUT link', 'more than a disk image: "link" is a symbolic link'],
    ['a hard link', 'ln a hard && tar -cf OUT a hard', 'more than a disk image: "hard" is a hard link'],
    ['a FIFO', 'mkfifo fifo && tar -cf OUT fifo', 'more than a disk image: "fifo" is a FIFO'],
    ['a folder beside the disk image', 'mkdir e && tar -cf OUT a e', 'more than a disk image: "e/" is a directory'],
    ['two files', 'cp a b && tar -cf OUT a b', 'holds more than one file: "a" and "b"'],
    ['the same file twice', 'tar --hard-dereference -cf OUT a a', 'holds more than one file: "a" and "a"'],
    ['a hidden file beside the disk image', 'tar -cf OUT a .disk.raw', 'holds more than one file: "a" and ".disk.raw"'],
    [
      'a name with control characters',
      "cp a $'x\\ny\\e[1m' && tar -cf OUT x*",
      'holds "x\\ny\\u001b[1m", a name with control',
    ],
    ['a volume label', 'tar -V LABEL -cf OUT a', 'more than a disk image: "LABEL" is a volume label'],
    [
      'a second archive after the first',
      'tar -cf x a && cat x x > OUT',
      'has data after its end mark; the agents would unpack only "a"',
    ],
    [
      'a path in a global pax header',
      'tar --format=pax --pax-option=globexthdr.name=g,path=b -cf OUT a',
      'the pax record "path" is global',
    ],
  ])('refuses %s', async (_, command, message) => {
    writeFileSync(join(folder.path, 'a'), DISK)
    const path = join(folder.path, `${++files}.tar`)
    await execa('bash', ['-c', command.replaceAll('OUT', path)], { cwd: folder.path })
    const args = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx']
    await expectRefused(database, args, { exit: 3, message, hint: REPACK })
  })

  const sparse = (...records: string[]) => [pax(...records.map((each, at) => (at % 2 ? each : `GNU.sparse.${each}`)))]
  const UNLIKE = 'is a tar archive that programs unpack differently'
  test.each<[string, Buffer[], string]>([
    ['a name that is too long', long('x'.repeat(256)), '…", a name of 256 bytes; the limit is 255'],
    ['a member with two names', [pax('path', 'b'), ...long('a')], `${UNLIKE}: a member has two names, in "disk.raw"`],
    [
      'a member with two sizes',
      [pax('size', '512', 'size', '1024'), member({ body: DISK })],
      `${UNLIKE}: the pax record "size" is repeated`,
    ],
    [
      'a pax key that only some programs know',
      [pax('SCHILY.realsize', '9'), member({ body: DISK })],
      'only some programs know the pax record "SCHILY.realsize"',
    ],
    [
      'an unknown GNU.sparse key',
      [...sparse('other', '1'), member({ body: DISK })],
      'match any one version, in "disk.raw"',
    ],
    [
      'a sparse file with both pairs and a map',
      [
        ...sparse('size', '1024', 'numblocks', '1', 'offset', '0', 'numbytes', '1024', 'map', '0,1024'),
        member({ body: DISK }),
      ],
      'its sparse records do not match any one version',
    ],
    [
      'a sparse file whose map ends too early',
      [...sparse('size', '4096', 'numblocks', '1', 'map', '0,1024'), member({ body: DISK })],
      'its map of holes is invalid, in "disk.raw"',
    ],
    [
      'pax sparse records in GNU format',
      [...sparse('size', '1024', 'numblocks', '1', 'map', '0,1024'), member({ body: DISK, magic: MAGICS.gnu })],
      `${UNLIKE}: its holes are not stored the way its format stores them, in "disk.raw"`,
    ],
    [
      'a name that GNU tar takes for bzip2',
      [member({ body: DISK, name: 'BZh9.raw', magic: '' })],
      'treats it as compressed',
    ],
    ['a folder with contents', [member({ name: './', type: '5', body: DISK })], 'the directory "./" has contents'],
    [
      'a pax header without a member',
      [member({ body: DISK }), pax('mtime', '1')],
      'a header after "disk.raw" belongs to no member',
    ],
    ['an unknown signature', [member({ body: DISK, magic: 'ustar1' })], 'the signature of a header is malformed'],
  ])('refuses %s, because programs may unpack it differently', async (_, parts, message) => {
    const args = ['image', 'add', 'local', file(...parts, END), '--account-id', 'a-shpoolxx']
    await expectRefused(database, args, { exit: 3, message, hint: /tar -C DIR .*-cf OUT FILE$/ })
  })

  test.each(['gz', 'tgz', 'txz'])('refuses an archive in v7 format with the extension .%s', async (ending) => {
    const path = join(folder.path, `oldest.${ending}`)
    writeFileSync(path, Buffer.concat([member({ body: DISK, magic: '' }), END]))
    expect((await execa('tar', ['-tf', path], { reject: false })).exitCode).toBe(2)
    await expectRefused(database, ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], {
      exit: 3,
      message: 'it has no signature, and GNU tar treats it as compressed',
      hint: REPACK,
    })
  })

  test('image inspect refuses a disk image in a folder and says how to pack it', async () => {
    const path = file(member({ body: DISK, name: 'd/disk.raw' }), END)
    const run = await vdcManage(['image', 'inspect', '--no-checksum', path])
    expect(run).toMatchObject({ code: 3, stdout: expect.stringContaining('holds "d/disk.raw" inside a folder') })
    expect(run.stderr).toContain(REPACK)
  })

  /** The content of all sparse archives: a boot sector, holes, and data in the last sector. */
  const HOLES = rawDisk(3 * 1024 * 1024)
  HOLES.write('end', HOLES.length - BLOCK)

  test.each([
    ['gnu', '--format=gnu'],
    ['0.0', '--format=pax --sparse-version=0.0'],
    ['0.1', '--format=pax --sparse-version=0.1'],
    ['1.0', '--format=pax --sparse-version=1.0'],
  ])('accepts a sparse archive of tar -S in format %s', async (name, options) => {
    writeFileSync(join(folder.path, 'whole.raw'), HOLES)
    const path = join(folder.path, `sparse-${name}.tar`)
    const command = `cp --sparse=always whole.raw holes.raw && tar -S ${options} -cf ${path} holes.raw`
    await execa('bash', ['-c', command], { cwd: folder.path })
    // Without holes left out, the test would show nothing.
    expect(statSync(path).size).toBeLessThan(100_000)
    const image = await vdcManageJson(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })
    expect(image).toMatchObject({
      file_format: 'raw',
      backup_object: {
        container_format: 'tar',
        size: HOLES.length,
        allocation_size: statSync(path).size,
        checksum: hashOf(path, 'md5'),
      },
    })
    const cut = join(folder.path, `cut-${name}.tar`)
    writeFileSync(cut, readFileSync(path).subarray(0, 3 * BLOCK))
    await expectRefused(database, ['image', 'add', 'local', cut, '--account-id', 'a-shpoolxx'], {
      exit: 3,
      message: 'is a damaged or truncated tar archive',
    })
  })

  test('refuses a sparse size without a map', async () => {
    const path = file(pax('GNU.sparse.realsize', '4096'), member({ body: DISK }), END)
    await expectRefused(database, ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], {
      exit: 3,
      message: 'is a tar archive that programs unpack differently: its sparse records do not match any one version',
    })
  })

  test('refuses a file name with control characters unless --display-name is given', async () => {
    const path = join(folder.path, 'bad\nname\u001b[1m.raw')
    writeFileSync(path, DISK)
    await vdcManage(
      [
        'backupstorage',
        'add',
        '--uuid',
        'bkst-s',
        '--display-name',
        's',
        '--base-uri',
        'file:///srv/',
        '--storage-type',
        'local',
      ],
      { database },
    )
    const args = ['backupobject', 'add', '--from-file', path, '--object-key', 'k', '--storage-id', 'bkst-s']
    await expectRefused(database, args, {
      exit: 3,
      message: 'The name of the file must not contain control characters',
    })
    expect(await vdcManage([...args, '--display-name', 'good'], { database })).toMatchObject({ code: 0, stderr: '' })
  })
})
