import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import {
  makePatched,
  makeVhdxChild,
  makeVmdk,
  qcow2Extension,
  sealVpc,
  u32be,
  u32le,
  u64be,
} from '../../../support/files/image-bytes.ts'
import { makeImage, newFolder } from '../../../support/files/images.ts'
import { environment, PROGRAM } from '../../../support/process/cli.ts'
import { expectRefused } from '../../../support/refusals.ts'

/*
 * Every way in which a format can refer to something outside its file. Each is refused by name, and the target is never
 * opened or inspected.
 */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

/** What the images refer to. Its name occurs nowhere else. */
const SECRET = at('the-secret')
const FIFO = at('the-secret.fifo')

const BACKING_FORMAT = 0xe2792aca
const DATA_FILE = 0x44415441
/** Offset of the header extensions in a qcow2 image of qemu-img 7.2. */
const EXTENSIONS = 112

const backed = (format: string, name: string) => (path: string) =>
  makeImage(path, { format, size: '16M', more: ['-u', '-b', name, '-F', 'raw'] })
const descriptor =
  (...lines: string[]) =>
  (path: string) =>
    writeFileSync(
      path,
      [
        '# Disk DescriptorFile',
        'version=1',
        'CID=fffffffe',
        'parentCID=ffffffff',
        'createType="monolithicFlat"',
        ...lines,
        '',
      ].join('\n'),
    )

/** Writes a VMDK descriptor file, with its bytes changed. */
const descriptorAs =
  (change: (text: string) => string | Buffer, ...lines: string[]) =>
  (path: string) => {
    descriptor(...lines)(path)
    const text = change(readFileSync(path, 'latin1'))
    writeFileSync(path, typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }
/** Creates a sparse VMDK with one more line in its embedded descriptor. */
const withLine = (line: string) => (path: string) =>
  makeVmdk(path, (text) => text.replace('createType', () => `${line}\ncreateType`))

const IMAGES: Record<string, { make: (path: string) => unknown; says: string | RegExp }> = {
  'backed.qcow2': { make: backed('qcow2', SECRET), says: `refers to the backing file ${SECRET}` },
  'backed-json.qcow2': {
    make: backed('qcow2', `json:{"driver":"raw","file":{"driver":"file","filename":"${SECRET}"}}`),
    says: 'refers to the backing file json:{',
  },
  'backed-nbd.qcow2': {
    make: backed('qcow2', 'nbd://127.0.0.1:10809/the-secret'),
    says: 'the backing file nbd://127.0.0.1',
  },
  'backed-http.qcow2': {
    make: backed('qcow2', 'http://127.0.0.1:1/the-secret'),
    says: 'the backing file http://127.0.0.1',
  },
  'backed-v2.qcow2': {
    make: (path) => makeImage(path, { size: '16M', more: ['-u', '-o', 'compat=0.10', '-b', SECRET, '-F', 'raw'] }),
    says: `refers to the backing file ${SECRET}`,
  },
  'offset-only.qcow2': {
    make: (path) =>
      makePatched(path, 'qcow2', [
        [8, u64be(512)],
        [512, SECRET],
      ]),
    says: 'refers to the backing file',
  },
  'length-only.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[16, u32be(10)]]),
    says: 'refers to the backing file',
  },
  'offset-beyond.qcow2': {
    make: (path) =>
      makePatched(path, 'qcow2', [
        [8, u64be(2 ** 50)],
        [16, u32be(20)],
      ]),
    says: 'refers to the backing file',
  },
  'format-only.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[EXTENSIONS, qcow2Extension(BACKING_FORMAT, 'raw')]]),
    says: 'refers to an unnamed backing file (it has a backing format)',
  },
  'data-file.qcow2': {
    make: async (path) => {
      await makeImage(path, { size: '16M', more: ['-o', `data_file=${SECRET}`] })
    },
    says: `refers to the external data file ${SECRET}`,
  },
  'data-file-bit.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[72, u64be(4)]]),
    says: 'refers to the external data file',
  },
  'data-file-name.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[EXTENSIONS, qcow2Extension(DATA_FILE, SECRET)]]),
    says: `refers to the external data file ${SECRET}`,
  },
  'raw-data-bit.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[88, u64be(2)]]),
    says: 'refers to the external data file',
  },
  'backed.qcow': {
    make: (path) =>
      makePatched(path, 'qcow', [
        [8, u64be(48)],
        [16, u32be(SECRET.length)],
        [48, SECRET],
      ]),
    says: `refers to the backing file ${SECRET}`,
  },
  'length-only.qcow': {
    make: (path) => makePatched(path, 'qcow', [[16, u32be(10)]]),
    says: 'refers to the backing file',
  },
  'offset-only.qcow': {
    make: (path) => makePatched(path, 'qcow', [[8, u64be(48)]]),
    says: 'refers to the backing file',
  },
  'backed.qed': { make: backed('qed', SECRET), says: `refers to the backing file ${SECRET}` },
  'backing-bit.qed': { make: (path) => makePatched(path, 'qed', [[16, u32le(1)]]), says: 'refers to the backing file' },
  'length-only.qed': {
    make: (path) => makePatched(path, 'qed', [[60, u32le(10)]]),
    says: 'refers to the backing file',
  },
  'flat.vmdk': {
    make: (path) => makeImage(path, { format: 'vmdk', size: '16M', more: ['-o', 'subformat=monolithicFlat'] }),
    says: 'refers to the FLAT extent flat-flat.vmdk',
  },
  'flats.vmdk': {
    make: (path) => makeImage(path, { format: 'vmdk', size: '3G', more: ['-o', 'subformat=twoGbMaxExtentFlat'] }),
    says: 'refers to the FLAT extent flats-f001.vmdk',
  },
  'split.vmdk': {
    make: (path) => makeImage(path, { format: 'vmdk', size: '3G', more: ['-o', 'subformat=twoGbMaxExtentSparse'] }),
    says: 'refers to the SPARSE extent split-s001.vmdk',
  },
  'extent-alone.vmdk': {
    make: async (path) => {
      await makeImage(at('whole.vmdk'), { format: 'vmdk', size: '3G', more: ['-o', 'subformat=twoGbMaxExtentSparse'] })
      writeFileSync(path, readFileSync(at('whole-s001.vmdk')))
    },
    says: 'refers to other files',
  },
  'extent-of-esx.img': {
    make: (path) => writeFileSync(path, Buffer.concat([Buffer.from('COWD\x01\0\0\0'), Buffer.alloc(1024 * 1024)])),
    says: 'refers to a VMDK descriptor in another file (it is one extent of an image)',
  },
  'passwd.vmdk': { make: descriptor('RW 4 FLAT "/etc/passwd" 0'), says: 'refers to the FLAT extent /etc/passwd' },
  'secret.vmdk': { make: descriptor(`RW 32768 SPARSE "${SECRET}"`), says: `refers to the SPARSE extent ${SECRET}` },
  'fifo.vmdk': { make: descriptor(`RW 32768 FLAT "${FIFO}" 0`), says: `refers to the FLAT extent ${FIFO}` },
  'crowd.vmdk': {
    make: descriptor(...Array.from({ length: 10_000 }, (_, number) => `RW 1 FLAT "the-secret-${number}" 0`)),
    says: 'refers to the FLAT extent the-secret-0',
  },
  'blank-lines.vmdk': {
    make: (path) => writeFileSync(path, `\n\n# x\n\nversion=1\nRW 2048 FLAT "${SECRET}" 0\n`.padEnd(4096, '\n')),
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'no-extent.vmdk': { make: descriptor(), says: 'refers to other files (it is a VMDK descriptor)' },
  'descriptor.raw': { make: descriptor(`RW 4 FLAT "${SECRET}" 0`), says: `refers to the FLAT extent ${SECRET}` },
  'parent-cid.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace(/parentCID=\w+/, 'parentCID=12345678')),
    says: 'refers to the parent image with CID 12345678',
  },
  'parent-name.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace('createType', `parentFileNameHint="${SECRET}"\ncreateType`)),
    says: `refers to the file ${SECRET} (parentFileNameHint)`,
  },
  'mark.vmdk': {
    make: descriptorAs((text) => `\xef\xbb\xbf${text}`, `RW 4 FLAT "${SECRET}" 0`),
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'cr-cr-lf.vmdk': {
    make: descriptorAs((text) => `\r\r\n${text.replaceAll('\n', '\r\r\n')}`, `RW 4 FLAT "${SECRET}" 0`),
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'nuls.vmdk': {
    make: descriptorAs((text) => `\0\0\0\0${text}${'\0'.repeat(4096)}`, `RW 4 FLAT "${SECRET}" 0`),
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'utf-16.vmdk': {
    make: descriptorAs((text) => Buffer.from(`\ufeff${text}`, 'utf16le'), `RW 4 FLAT "${SECRET}" 0`),
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'second-descriptor.vmdk': {
    make: (path) => makeVmdk(path, (text) => `${text}\0\0# Disk DescriptorFile\nparentFileNameHint="${SECRET}"\n`),
    says: `refers to the file ${SECRET} (parentFileNameHint)`,
  },
  'second-extent.vmdk': {
    make: (path) => makeVmdk(path, (text) => `${text}\0# Disk DescriptorFile\nRW 4 FLAT "${SECRET}" 0\n`),
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'hint-in-comment.vmdk': {
    // QEMU finds it anywhere.
    make: withLine(`# parentFileNameHint="${SECRET}"`),
    says: `refers to the file ${SECRET} (parentFileNameHint)`,
  },
  'hint-after-empty.vmdk': {
    make: withLine(`parentFileNameHint=""\nparentFileNameHint = "${SECRET}"`),
    says: `(parentFileNameHint)`,
  },
  'hint-of-two-bytes.vmdk': {
    // All letters in the declared encoding, but a parent name to QEMU.
    make: withLine(`encoding="ISO-2022-JP"\n\x1b$BparentFileNameHint="${SECRET}"\x1b(B`),
    says: `(parentFileNameHint)`,
  },
  'late-parent.vmdk': { make: withLine('parentCID=12345678'), says: 'refers to the parent image with CID 12345678' },
  'no-access.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace('\nRW ', '\nNOACCESS ')),
    says: 'refers to the SPARSE extent no-access.vmdk',
  },
  'other-size.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace('RW 32768', 'RW 32000')),
    says: 'refers to the SPARSE extent other-size.vmdk',
  },
  'half-width.vmdk': {
    // A one-byte letter and a backslash.
    make: (path) =>
      makeVmdk(path, (text) => `encoding="Shift_JIS"\n${text.replace(/SPARSE ".*"/, 'SPARSE "\xb1\\the-secret"')}`),
    says: 'refers to the SPARSE extent ｱ\\the-secret',
  },
  'change-track.vmdk': {
    make: (path) => makeVmdk(path, (text) => `${text}changeTrackPath="${SECRET}"\n`),
    says: `refers to the file ${SECRET} (changeTrackPath)`,
  },
  'two-extents.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace(/(RW .*)\n/, `$1\nRW 32768 SPARSE "${SECRET}"\n`)),
    says: `refers to the SPARSE extent ${SECRET}`,
  },
  'flat-extent.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace(/RW .*\n/, `RW 32768 FLAT "${SECRET}" 0\n`)),
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'sparse-elsewhere.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace(/RW .*\n/, `RW 32768 SPARSE "${SECRET}"\n`)),
    says: `refers to the SPARSE extent ${SECRET}`,
  },
  'create-type.vmdk': {
    make: (path) => makeVmdk(path, (text) => text.replace('monolithicSparse', 'vmfs')),
    says: 'refers to other files (its type is vmfs)',
  },
  'child.vmdk': {
    make: (path) =>
      makeImage(at('the-secret.vmdk'), { format: 'vmdk', size: '16M' }).then((parent) =>
        makeImage(path, { format: 'vmdk', size: '16M', more: ['-b', parent, '-F', 'vmdk'] }),
      ),
    says: 'refers to the parent image with CID',
  },
  'differencing.vdi': {
    make: (path) => makePatched(path, 'vdi', [[0x4c, u32le(4)]]),
    says: 'refers to a parent image (its type is differencing)',
  },
  'undo.vdi': {
    make: (path) => makePatched(path, 'vdi', [[0x4c, u32le(3)]]),
    says: 'refers to a parent image (its type is undo)',
  },
  'link.vdi': {
    make: (path) => makePatched(path, 'vdi', [[0x1a8, Buffer.from('00112233445566778899aabbccddeeff', 'hex')]]),
    says: 'refers to the parent image 33221100-5544-7766-8899-aabbccddeeff',
  },
  'parent.vdi': {
    make: (path) => makePatched(path, 'vdi', [[0x1b8, Buffer.from('00112233445566778899aabbccddeeff', 'hex')]]),
    says: 'refers to the parent image 33221100-5544-7766-8899-aabbccddeeff',
  },
  'differencing.vhd': {
    make: async (path) => sealVpc(await makePatched(path, 'vpc', [[60, u32be(4)]]), 0, 512, 64),
    says: 'refers to the parent image',
  },
  'parent-name.vhd': {
    make: async (path) =>
      sealVpc(await makePatched(path, 'vpc', [[512 + 64, Buffer.from(SECRET, 'utf16le').swap16()]]), 512, 1024, 36),
    says: `refers to the parent image ${SECRET}`,
  },
  'parent-uuid.vhd': {
    make: async (path) => sealVpc(await makePatched(path, 'vpc', [[512 + 40, 'a'.repeat(16)]]), 512, 1024, 36),
    says: 'refers to the parent image',
  },
  'locator.vhd': {
    make: async (path) => sealVpc(await makePatched(path, 'vpc', [[512 + 576, 'W2ru']]), 512, 1024, 36),
    says: 'refers to the parent image',
  },
  'flag.vhdx': { make: (path) => makeVhdxChild(path, { flag: true }), says: 'refers to the parent image' },
  'locator.vhdx': {
    make: (path) => makeVhdxChild(path, { parent: SECRET }),
    says: `refers to the parent image ${SECRET}`,
  },
  'child.vhdx': {
    make: (path) => makeVhdxChild(path, { flag: true, parent: SECRET }),
    says: `refers to the parent image ${SECRET}`,
  },
  'packed.qcow2.gz': {
    make: async (path) => {
      await backed('qcow2', SECRET)(at('packed.qcow2'))
      execFileSync('gzip', [at('packed.qcow2')])
      return path
    },
    says: `refers to the backing file ${SECRET}`,
  },
  'packed.vmdk.gz': {
    make: (path) => {
      descriptor(`RW 4 FLAT "${SECRET}" 0`)(at('packed.vmdk'))
      execFileSync('gzip', [at('packed.vmdk')])
      return path
    },
    says: `refers to the FLAT extent ${SECRET}`,
  },
  'packed.tar': {
    make: (path) => {
      descriptor(`RW 4 FLAT "${SECRET}" 0`)(at('member.vmdk'))
      execFileSync('tar', ['-C', folder.path, '-cf', path, 'member.vmdk'])
    },
    says: `refers to the FLAT extent ${SECRET}`,
  },
}

describe('an image that refers to something outside its file', () => {
  let database: TestDatabase
  /** System calls of a shell that was asked to add each image. */
  let calls: string[]
  beforeAll(async () => {
    database = await newDatabase('sqlite')
    for (const [name, { make }] of Object.entries(IMAGES)) await make(at(name))
    writeFileSync(SECRET, Buffer.alloc(32 * 1024 * 1024))
    execFileSync('mkfifo', [FIFO])
    const trace = at('trace')
    const args = ['-f', '--seccomp-bpf', '-s', '4096', '-e', 'trace=%file,connect', '-o', trace, PROGRAM]
    const input = Object.keys(IMAGES).map((name) => `image add local ${at(name)} --account-id a-shpoolxx\n`)
    await execa('strace', args, {
      env: environment({ database }),
      extendEnv: false,
      input: input.join(''),
      reject: false,
    })
    calls = readFileSync(trace, 'utf8').split('\n')
  })
  afterAll(() => database.remove())

  test.each(Object.entries(IMAGES))('%s is refused, naming the target', async (name, { says }) => {
    await expectRefused(database, ['image', 'add', 'local', at(name), '--account-id', 'a-shpoolxx'], {
      exit: 3,
      message: says,
      hint: /\.(?:gz|tar)$/.test(name)
        ? 'Unpack it to DISK first. Convert it to a single file: qemu-img convert -f'
        : 'Convert it to a single file: qemu-img convert -f',
    })
  })

  test('no target is opened or inspected, and no connection is made', () => {
    // The trace works: each image was opened.
    for (const name of Object.keys(IMAGES)) {
      expect(calls.filter((call) => call.includes(`openat(AT_FDCWD, "${at(name)}"`))).not.toEqual([])
    }
    expect(calls.filter((call) => /the-secret|-flat\.vmdk|-[fs]\d+\.vmdk|10809/.test(call))).toEqual([])
    // The C library always looks for its name cache.
    expect(calls.filter((call) => call.includes('connect(') && !call.includes('/nscd/'))).toEqual([])
  })

  test('--file-format raw does not bypass the refusal', async () => {
    for (const name of ['backed.qcow2', 'secret.vmdk', 'differencing.vdi']) {
      const args = ['image', 'add', 'local', at(name), '--account-id', 'a-shpoolxx', '--file-format', 'raw']
      await expectRefused(database, args, { exit: 3, message: 'refers to' })
    }
  })
})
