import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { vdcManage, vdcManageJson } from '../support/cli.ts'
import { newDatabase, type TestDatabase } from '../support/databases.ts'
import { hashOf, newFolder, rawDisk } from '../support/images.ts'
import { expectRefused } from '../support/refusals.ts'

const BLOCK = 512

interface Member {
  type?: string
  /** What the header says of its size: octal digits, or bytes as they stand. */
  size?: string | Buffer
  body?: Buffer
  magic?: string
}

/** A member of an archive, byte by byte: its header (POSIX.1-2017, "ustar Interchange Format") and its body. */
function member({ type = '0', body = Buffer.alloc(0), size, magic = 'ustar\u000000' }: Member): Buffer {
  const header = Buffer.alloc(BLOCK)
  header.write('disk.raw', 0)
  header.write('0000644\0', 100)
  const octal = size ?? body.length.toString(8).padStart(11, '0')
  if (typeof octal === 'string') header.write(octal, 124)
  else octal.copy(header, 124)
  header.write(type, 156)
  header.write(magic, 257)
  header.write('        ', 148)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return Buffer.concat([header, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)])
}

/** A pax header with one record, before the member that it speaks of. */
function pax(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return member({ type: 'x', body: Buffer.from(`${length}${rest}`) })
}

const END = Buffer.alloc(2 * BLOCK)
const DISK = rawDisk(2 * BLOCK)

describe('backupobject add --from-file of a tar archive', () => {
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
    ['a size with bits beyond 2^64', [member({ body: DISK, size: upper }), END]],
    ['a negative size', [member({ body: DISK, size: negative }), END]],
    ['digits that are none', [member({ body: DISK, size: '00000008888' }), END]],
    ['a size beyond its end', [member({ body: DISK, size: '77777777777' }), END]],
    ['a pax header of gigabytes', [member({ type: 'x', size: '20000000000' }), END]],
  ]
  test.each(hostile)('refuses %s as damaged', async (_, parts) => {
    await expectRefused(database, ['backupobject', 'add', '--from-file', file(...parts)], {
      exit: 3,
      message: 'is a damaged or cut off tar archive',
    })
  })

  test.each([
    ['an empty member', [member({}), END], 'holds an empty file'],
    ['no member', [pax('comment', 'x'), END], 'holds no file'],
    ['a second member', [member({ body: DISK }), member({ body: DISK }), END], 'holds more than one file'],
    ['a device', [member({ type: '3' }), END], 'holds more than a disk image'],
    ['gzip of nothing', [gzipSync('')], 'holds nothing'],
  ])('refuses %s', async (_, parts, message) => {
    await expectRefused(database, ['backupobject', 'add', '--from-file', file(...parts)], { exit: 3, message })
  })

  test.each([
    ['without its end', [member({ body: DISK })], 'tar', 1024],
    ['without a signature, as the oldest', [member({ body: DISK, magic: '' }), END], 'tar', 1024],
    ['the oldest in gzip', [gzipSync(Buffer.concat([member({ body: DISK, magic: '' }), END]))], 'tgz', 1024],
    ['with a size in pax', [pax('size', '1024'), member({ body: DISK, size: '00000000000' }), END], 'tar', 1024],
    [
      'with settings for all',
      [member({ type: 'g', body: Buffer.from('11 a=bcdef\n') }), member({ body: DISK }), END],
      'tar',
      1024,
    ],
  ])('takes one %s', async (_, parts, format, size) => {
    const path = file(...parts)
    const run = await vdcManage(['backupobject', 'add', '--from-file', path], { database })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const shown = await vdcManageJson(['backupobject', 'show', run.stdout.trim()], { database })
    expect(shown).toMatchObject({ container_format: format, size })
    const image = await vdcManageJson(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })
    expect(image).toMatchObject({ file_format: 'raw', backup_object_id: shown.id })
  })

  /** Boot sector, holes and a last sector: the unpacked file of every form of sparse archive. */
  const HOLES = rawDisk(3 * 1024 * 1024)
  HOLES.write('end', HOLES.length - BLOCK)

  test.each([
    ['gnu', '--format=gnu'],
    ['0.0', '--format=pax --sparse-version=0.0'],
    ['0.1', '--format=pax --sparse-version=0.1'],
    ['1.0', '--format=pax --sparse-version=1.0'],
  ])('takes what tar -S makes, in the form %s', async (name, options) => {
    writeFileSync(join(folder.path, 'whole.raw'), HOLES)
    const path = join(folder.path, `sparse-${name}.tar`)
    const command = `cp --sparse=always whole.raw holes.raw && tar -S ${options} -cf ${path} holes.raw`
    await execa('bash', ['-c', command], { cwd: folder.path })
    // It is worth a test only with the holes left out.
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
      message: 'is a damaged or cut off tar archive',
    })
  })

  test('a sparse size without the map of the holes is damage', async () => {
    const path = file(pax('GNU.sparse.realsize', '4096'), member({ body: DISK }), END)
    await expectRefused(database, ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], {
      exit: 3,
      message: 'is a damaged or cut off tar archive',
    })
  })

  test('a file with an unsafe name needs another, before it is read', async () => {
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
    await expectRefused(database, args, { exit: 3, message: 'The name of the file must not hold control characters' })
    expect(await vdcManage([...args, '--display-name', 'good'], { database })).toMatchObject({ code: 0, stderr: '' })
  })
})
