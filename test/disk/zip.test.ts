import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { newFolder } from '../support/files/images.ts'
import { lookInto, lookIntoBytes, wordyDisk } from '../support/files/packed-images.ts'
import {
  centralBytes,
  end64Bytes,
  endBytes,
  localBytes,
  newZipFile,
  numbers,
  type ZipDraft,
  zip64,
  zipBytes,
} from '../support/files/zip-bytes.ts'

const DISK = wordyDisk()
const IN_ZIP64 = 0xffffffff
const SIGNATURE = numbers([0x08074b50, 4])
const file = (more: Partial<ZipDraft> = {}) => newZipFile('disk.raw', DISK, more)
const { crc, packed, unpacked } = file()
const LATER = { crc: 0, packed: 0, unpacked: 0 }

/** Returns an archive with the directory of zip64. */
function zip64Bytes(more: Partial<ZipDraft>, ends?: (length: number, at: number) => Buffer): Buffer {
  const [local, central] = [localBytes(file(more)), centralBytes(file(more))]
  const end = Buffer.concat([end64Bytes(1, central.length, local.length), endBytes(0xffff, IN_ZIP64, IN_ZIP64)])
  return Buffer.concat([local, central, ends?.(central.length, local.length) ?? end])
}

const WIDE: Partial<ZipDraft> = {
  packed: IN_ZIP64,
  unpacked: IN_ZIP64,
  offset: IN_ZIP64,
  extra: [zip64(unpacked, packed), zip64(unpacked, packed, 0)],
}

describe('accepted archives', () => {
  test.each<[string, Buffer]>([
    ['deflated', zipBytes([file()])],
    ['stored', zipBytes([file({ method: 0, data: DISK, packed: DISK.length })])],
    ['with a comment', zipBytes([file()], 'a comment')],
    ['with sizes after the data', zipBytes([later(numbers([crc, 4], [packed, 4], [unpacked, 4]))])],
    ['with signed sizes after the data', zipBytes([later(SIGNATURE, numbers([crc, 4], [packed, 4], [unpacked, 4]))])],
    ['with wide sizes after the data', zipBytes([later(SIGNATURE, numbers([crc, 4], [packed, 8], [unpacked, 8]))])],
    ['in zip64', zip64Bytes(WIDE)],
    [
      'in zip64, with a usual end',
      zip64Bytes(WIDE, (length, at) => Buffer.concat([end64Bytes(1, length, at), endBytes(1, length, at)])),
    ],
    ['with a name in UTF-8', zipBytes([file({ name: 'd\xc3\xafsk.raw', flags: 0x0800 })])],
    ['with a name that leads elsewhere, which is not used', zipBytes([file({ name: '../../etc/passwd' })])],
  ])('%s', async (_, bytes) => {
    const { inspection, disk } = await lookIntoBytes(bytes, 'zip')
    expect(inspection).toMatchObject({ containerFormat: 'zip', fileFormat: 'raw', refusals: [], warnings: [] })
    expect(disk?.equals(DISK)).toBe(true)
  })
})

/** Returns a file whose CRC and sizes follow its data. */
function later(...after: Buffer[]): ZipDraft {
  return file({ flags: 8, local: LATER, after: Buffer.concat(after) })
}

const other = newZipFile('other.raw', DISK)
const OVER = file({ name: 'x' })
const [OVERLAP, OVERLAP_LOCAL] = [centralBytes(OVER), localBytes(OVER)]

describe('refused archives', () => {
  test.each<[string, Buffer, RegExp]>([
    [
      'two files',
      zipBytes([file(), { ...other, offset: localBytes(file()).length }]),
      /holds 2 files: "disk.raw", "other.raw"/,
    ],
    ['a second file that only the directory has', twice(), /holds 2 files/],
    ['a second file that the directory does not have', hidden(), /not at its start|other data between/],
    ['nothing', endBytes(0, 0, 0), /holds no file/],
    ['a folder', zipBytes([newZipFile('disk/', Buffer.alloc(0))]), /"disk\/", which is not a regular file/],
    ['a folder of MS-DOS', zipBytes([file({ attributes: 0x10 })]), /not a regular file/],
    ['a symbolic link', zipBytes([file({ attributes: 0o120777 * 65536 })]), /not a regular file/],
    ['an encrypted file', zipBytes([file({ flags: 1 })]), /is encrypted/],
    ['strong encryption', zipBytes([file({ flags: 0x41 })]), /is encrypted/],
    ['an encrypted directory', zipBytes([file({ flags: 0x2000 })]), /is encrypted/],
    ['a patch', zipBytes([file({ flags: 0x20 })]), /features that are not supported/],
    ['another method', zipBytes([file({ method: 12 })]), /the unsupported method 12/],
    ['another name before the data', zipBytes([file({ local: { name: 'risk.raw' } })]), /its headers disagree/],
    ['another method before the data', zipBytes([file({ local: { method: 0 } })]), /its headers disagree/],
    ['other flags before the data', zipBytes([file({ local: { flags: 8 } })]), /its headers disagree/],
    ['encryption before the data', zipBytes([file({ local: { flags: 1 } })]), /is encrypted/],
    ['another CRC before the data', zipBytes([file({ local: { crc: 1 } })]), /its headers disagree/],
    ['another size before the data', zipBytes([file({ local: { unpacked: 5 } })]), /its headers disagree/],
    ['sizes of 0 before the data', zipBytes([file({ local: LATER })]), /its headers disagree/],
    ['a wrong CRC', zipBytes([file({ crc: 1 })]), /the CRC of its file is wrong/],
    ['a size that is too small', zipBytes([file({ unpacked: unpacked - 1 })]), /longer than its headers say/],
    ['a size that is too large', zipBytes([file({ unpacked: unpacked + 1 })]), /shorter than its headers say/],
    [
      'data that ends early',
      zipBytes([file({ data: Buffer.concat([file().data, Buffer.from('x')]), packed: packed + 1 })]),
      /has other data after its end/,
    ],
    ['a packed size that is too small', zipBytes([file({ packed: packed - 1 })]), /other data between/],
    ['a packed size that is too large', zipBytes([file({ packed: packed + 1 })]), /overlap/],
    ['no sizes after the data', zipBytes([later()]), /other data between/],
    ['wrong sizes after the data', zipBytes([later(numbers([crc, 4], [packed, 4], [1, 4]))]), /other data between/],
    [
      'more after the sizes',
      zipBytes([later(numbers([crc, 4], [packed, 4], [unpacked, 4]), Buffer.from('PK'))]),
      /other data between/,
    ],
    ['a file that starts elsewhere', zipBytes([file({ offset: 4 })]), /not at its start/],
    ['data before it', Buffer.concat([localBytes(file()), zipBytes([file()])]), /directory is not where it should be/],
    ['data after it', Buffer.concat([zipBytes([file()]), Buffer.from('x')]), /other data after its end/],
    ['an end in the comment', zipBytes([file()], endBytes(1, 0, 0).toString('latin1')), /not where it should be/],
    ['a gap before the directory', gap(), /other data between/],
    [
      'a directory that is too short',
      Buffer.concat([localBytes(file()), centralBytes(file()), endBytes(1, 10, localBytes(file()).length)]),
      /not where it should be/,
    ],
    [
      'a directory over the file',
      Buffer.concat([OVERLAP_LOCAL, OVERLAP, endBytes(1, OVERLAP.length + 8, OVERLAP_LOCAL.length - 8)]),
      /no entry where it should|wrong length/,
    ],
    [
      'a directory beyond the end',
      Buffer.concat([localBytes(file()), endBytes(1, 60, 0xfffffff0)]),
      /not where it should be/,
    ],
    ['no end', Buffer.concat([localBytes(file()), centralBytes(file())]), /no directory at its end/],
    ['zip64 without its sizes', zipBytes([file({ unpacked: IN_ZIP64 })]), /lacks the sizes of zip64/],
    [
      'zip64 without its directory',
      Buffer.concat([localBytes(file()), centralBytes(file()), endBytes(0xffff, IN_ZIP64, IN_ZIP64)]),
      /lacks the directory of zip64/,
    ],
    [
      'zip64 with other sizes before the data',
      zip64Bytes({ ...WIDE, extra: [zip64(unpacked + 1, packed), zip64(unpacked, packed, 0)] }),
      /its headers disagree/,
    ],
    [
      'zip64 with sizes twice',
      zip64Bytes({
        ...WIDE,
        extra: [zip64(unpacked, packed), Buffer.concat([zip64(unpacked, packed, 0), zip64(1, 1, 0)])],
      }),
      /twice/,
    ],
    [
      'zip64 with sizes out of range',
      zip64Bytes({ ...WIDE, extra: [zip64(unpacked, packed), zip64(unpacked, 2 ** 60, 0)] }),
      /out of range/,
    ],
    [
      'zip64 whose end disagrees',
      zip64Bytes(WIDE, (length, at) => Buffer.concat([end64Bytes(1, length, at), endBytes(1, length, at - 1)])),
      /its headers disagree/,
    ],
    [
      'zip64 whose end is elsewhere',
      zip64Bytes(WIDE, (length, at) => Buffer.concat([end64Bytes(1, length, at, 3), endBytes(1, length, at)])),
      /not where they should be/,
    ],
  ])('%s', async (_, bytes, why) => {
    const looked = await lookIntoBytes(bytes, 'zip')
    expect(looked.why).toMatch(why)
    expect(looked.disk).toBeUndefined()
  })
})

/** Returns an archive whose directory has a file twice. */
function twice(): Buffer {
  const [local, central] = [localBytes(file()), centralBytes(file())]
  return Buffer.concat([local, central, central, endBytes(2, 2 * central.length, local.length)])
}

/** Returns an archive with a file before the one that the directory has. */
function hidden(): Buffer {
  const locals = Buffer.concat([localBytes(other), localBytes(file())])
  const central = centralBytes(file({ offset: localBytes(other).length }))
  return Buffer.concat([locals, central, endBytes(1, central.length, locals.length)])
}

function gap(): Buffer {
  const [local, central] = [localBytes(file()), centralBytes(file())]
  return Buffer.concat([local, Buffer.alloc(512), central, endBytes(1, central.length, local.length + 512)])
}

describe('archives of real programs', () => {
  const folder = newFolder()
  const at = (name: string) => join(folder.path, name)
  writeFileSync(at('disk.raw'), DISK)
  writeFileSync(at('other.raw'), DISK)
  const PYTHON =
    'import zipfile,sys; z=zipfile.ZipFile(sys.argv[1],"w",zipfile.ZIP_DEFLATED); z.write("disk.raw"); z.close()'
  const LZMA = PYTHON.replace('ZIP_DEFLATED', 'ZIP_LZMA')

  test.each([
    ['zip', ['-q', 'OUT', 'disk.raw']],
    ['zip', ['-q', '-0', 'OUT', 'disk.raw']],
    ['zip', ['-q', '-9', '-fz', 'OUT', 'disk.raw']],
    ['zip', ['-q', '-X', '-z', 'OUT', 'disk.raw']],
    ['bash', ['-c', 'zip -q - disk.raw | cat > OUT']],
    ['bash', ['-c', 'cat disk.raw | zip -q OUT -']],
    ['bash', ['-c', 'cat disk.raw | zip -q | cat > OUT']],
    ['python3', ['-c', PYTHON, 'OUT']],
  ])('%s %j', async (program, args) => {
    const path = at(`${Math.random()}.zip`)
    await execa(
      program,
      args.map((arg) => arg.replace('OUT', path)),
      { cwd: folder.path, input: 'A comment\n.\n' },
    )
    const { why, disk } = await lookInto(path)
    expect(why).toBeUndefined()
    expect(disk?.equals(DISK)).toBe(true)
  })

  test.each([
    ['zip', ['-q', 'OUT', 'disk.raw', 'other.raw'], /holds 2 files: "disk.raw", "other.raw"/],
    ['zip', ['-q', '-P', 'secret', 'OUT', 'disk.raw'], /is encrypted/],
    ['zip', ['-q', '-Z', 'bzip2', 'OUT', 'disk.raw'], /unsupported method 12/],
    ['bash', ['-c', 'ln -s disk.raw link; zip -q -y OUT link'], /not a regular file/],
    ['python3', ['-c', LZMA, 'OUT'], /is packed with the unsupported method 14|features that are not supported/],
  ])('refused: %s %j', async (program, args, says) => {
    const path = at(`${Math.random()}.zip`)
    await execa(
      program,
      args.map((arg) => arg.replace('OUT', path)),
      { cwd: folder.path },
    )
    expect((await lookInto(path)).why).toMatch(says)
  })
})
