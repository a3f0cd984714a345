import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noise } from '../../../disk/formats/inspecting.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { makeFull } from '../../../support/files/image-bytes.ts'
import { bootSector, hashOf, makeImage, newFolder, rawDisk } from '../../../support/files/images.ts'
import { vdcManage } from '../../../support/process/cli.ts'
import { expectRefused } from '../../../support/refusals.ts'

/* The rows of the table of formats: what is accepted and how it is stored, and what is refused with which hint. */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

/** Runs a line of bash in the folder. */
const sh = (line: string) => execa('bash', ['-c', line], { cwd: folder.path })
const MIB = 1024 * 1024
const ISO = '/usr/lib/grub-rescue/grub-rescue-cdrom.iso'
const INSIST = '--file-format raw'

interface Accepted {
  make: (path: string) => unknown
  format: string
  container?: string
  /** Virtual size in bytes; of the unpacked file if it differs from the stored size. */
  virtual?: number
  size?: number
  warning?: string
  options?: string[]
}

const pack = (inner: string, format: string, line: string) => async () => {
  await makeFull(at(inner), format)
  await sh(line)
}
const sizeOf = (name: string) => statSync(at(name)).size

const ACCEPTED: Record<string, Accepted> = {
  'disk.raw': { make: (path) => makeFull(path, 'raw'), format: 'raw', virtual: 3 * MIB },
  'disk.qcow2': { make: (path) => makeFull(path, 'qcow2'), format: 'qcow2', virtual: 3 * MIB },
  'disk.vmdk': { make: (path) => makeFull(path, 'vmdk'), format: 'vmdk', virtual: 3 * MIB },
  'stream.vmdk': {
    make: (path) => makeFull(path, 'vmdk', ['-o', 'subformat=streamOptimized']),
    format: 'vmdk',
    virtual: 3 * MIB,
  },
  'disk.vdi': { make: (path) => makeFull(path, 'vdi'), format: 'vdi', virtual: 3 * MIB },
  'disk.vhd': { make: (path) => makeFull(path, 'vpc', ['-o', 'force_size=on']), format: 'vpc', virtual: 3 * MIB },
  'disk.vhdx': { make: (path) => makeFull(path, 'vhdx'), format: 'vhdx', virtual: 3 * MIB },
  'disk.parallels': { make: (path) => makeFull(path, 'parallels'), format: 'parallels', virtual: 3 * MIB },
  'disk.qed': {
    make: (path) => makeFull(path, 'qed'),
    format: 'qed',
    virtual: 3 * MIB,
    warning: 'convert it to qcow2',
  },
  'disk.qcow': {
    make: (path) => makeFull(path, 'qcow'),
    format: 'qcow',
    virtual: 3 * MIB,
    warning: 'convert it to qcow2',
  },
  'hybrid.iso': { make: (path) => copyFileSync(ISO, path), format: 'raw' },
  'plain.iso': {
    make: (path) => sh(`mkdir -p tree && echo x > tree/x && xorriso -as mkisofs -quiet -o ${path} tree`),
    format: 'raw',
  },
  'root.img': { make: (path) => sh(`truncate -s 8M ${path} && mkfs.ext4 -q ${path}`), format: 'raw', virtual: 8 * MIB },
  'nothing-known.img': {
    make: (path) => writeFileSync(path, Buffer.alloc(MIB)),
    format: 'raw',
    virtual: MIB,
    warning: 'has no known partition table or filesystem: it may not boot',
  },
  'fixed.vhd': {
    make: (path) => makeFull(path, 'vpc', ['-o', 'subformat=fixed,force_size=on']),
    format: 'raw',
    virtual: 3 * MIB + 512,
    warning: 'is a fixed VHD image, a raw disk with a footer. To register it as VHD, use --file-format vpc',
  },
  'declared-fixed.vhd': {
    make: (path) => makeFull(path, 'vpc', ['-o', 'subformat=fixed,force_size=on']),
    format: 'vpc',
    virtual: 3 * MIB,
    options: ['--file-format', 'vpc'],
  },
  'raw.raw.gz': {
    make: pack('raw.raw', 'raw', 'gzip -k raw.raw'),
    format: 'raw',
    container: 'gz',
    virtual: 3 * MIB,
    size: 3 * MIB,
  },
  'q.qcow2.gz': {
    make: pack('q.qcow2', 'qcow2', 'gzip -k q.qcow2'),
    format: 'qcow2',
    container: 'gz',
    virtual: 3 * MIB,
  },
  'v.vmdk.gz': { make: pack('v.vmdk', 'vmdk', 'gzip -k v.vmdk'), format: 'vmdk', container: 'gz', virtual: 3 * MIB },
  'raw.tar': {
    make: pack('t.raw', 'raw', 'tar -cf raw.tar t.raw'),
    format: 'raw',
    container: 'tar',
    virtual: 3 * MIB,
    size: 3 * MIB,
  },
  'q.tar': {
    make: pack('t.qcow2', 'qcow2', 'tar -cf q.tar t.qcow2'),
    format: 'qcow2',
    container: 'tar',
    virtual: 3 * MIB,
  },
  'raw.tgz': {
    make: pack('g.raw', 'raw', 'tar -czf raw.tgz g.raw'),
    format: 'raw',
    container: 'tgz',
    virtual: 3 * MIB,
    size: 3 * MIB,
  },
  'raw.tar.gz': {
    make: pack('z.raw', 'raw', 'tar -czf raw.tar.gz z.raw'),
    format: 'raw',
    container: 'tgz',
    virtual: 3 * MIB,
    size: 3 * MIB,
  },
  'vdi.tar.gz': {
    make: pack('g.vdi', 'vdi', 'tar -czf vdi.tar.gz g.vdi'),
    format: 'vdi',
    container: 'tgz',
    virtual: 3 * MIB,
  },
}
/** Files in containers whose size is stored. */
const INNER: Record<string, string> = {
  'q.qcow2.gz': 'q.qcow2',
  'v.vmdk.gz': 'v.vmdk',
  'q.tar': 't.qcow2',
  'vdi.tar.gz': 'g.vdi',
}

beforeAll(async () => {
  for (const [name, { make }] of Object.entries(ACCEPTED)) await make(at(name))
})

describe.each(ENGINES)('accepted formats on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
  })
  afterAll(() => database.remove())

  test.each(Object.entries(ACCEPTED))(
    '%s',
    async (name, { format, container = 'none', virtual, size, warning, options = [] }) => {
      const args = ['image', 'add', 'local', at(name), '--account-id', 'a-shpoolxx', '--json', ...options]
      const run = await vdcManage(args, { database })
      expect(run).toMatchObject({
        code: 0,
        stderr: warning === undefined ? '' : expect.stringMatching(/^Warning: .*\n$/),
      })
      expect(run.stderr).toContain(warning ?? '')
      const inner = INNER[name]
      expect(JSON.parse(run.stdout)).toMatchObject({
        file_format: format,
        virtual_size: virtual ?? sizeOf(name),
        backup_object: {
          container_format: container,
          size: size ?? sizeOf(inner ?? name),
          allocation_size: sizeOf(name),
          checksum: hashOf(at(name), 'md5'),
          sha256: hashOf(at(name), 'sha256'),
        },
      })
    },
  )
})

interface Refused {
  make: (path: string) => unknown
  says: string | RegExp
  hint?: string
}

const bytes =
  (...parts: (Buffer | string)[]) =>
  (path: string) =>
    writeFileSync(
      path,
      Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))),
    )
const image =
  (name: string, ...parts: [at: number, text: string][]) =>
  (path: string) => {
    const whole = Buffer.alloc(8192)
    for (const [place, text] of parts) whole.write(text, place, 'latin1')
    writeFileSync(path, whole)
    return name
  }
const readOnly = (format: string, make: Refused['make']): Refused => ({
  make,
  says: `is in ${format} format, which instances cannot use`,
  hint: `Convert it: qemu-img convert -f ${format} -O qcow2 ${folder.path}/`,
})
const foreign = (title: string, make: Refused['make']): Refused => ({
  make,
  says: `is ${title}, not a disk image`,
  hint: INSIST,
})

/** Not disk images, but accepted as raw disks with --file-format raw. */
const FOREIGN: Record<string, Refused> = {
  'text.img': foreign('a text file', bytes('Some words, and no more.\n'.repeat(50))),
  'page.img': foreign('an HTML page', bytes('<!DOCTYPE html><html><body>404 Not Found</body></html>\n'.repeat(20))),
  'error.img': foreign('a JSON file', bytes(`{\n  "error": "not found", "more": "${'x'.repeat(600)}"\n}`)),
  'program.img': foreign('an ELF file for x86-64', bytes(readFileSync('/bin/true'))),
  'windows.img': foreign('an EFI program for x86-64', bytes(readFileSync('/usr/lib/ipxe/ipxe.efi'))),
  'kernel.img': foreign('a Linux kernel for x86', bytes(readFileSync('/usr/lib/ipxe/ipxe.lkrn'))),
  'office.img': foreign(
    'an office document or a Windows installer',
    bytes(Buffer.from('d0cf11e0a1b11ae1', 'hex'), noise(4096, 2)),
  ),
  'paper.img': foreign('a PDF document', bytes('%PDF-1.7\n', noise(4096, 3))),
}

const packedBy = (command: string, title: string, hint: string): Refused => ({
  make: () => sh(`[ -e alone.raw ] || cp disk.raw alone.raw; ${command}`),
  says: `is ${title}, which the agents cannot unpack`,
  hint,
})

const REFUSED: Record<string, Refused> = {
  'bochs.img': readOnly(
    'bochs',
    image('bochs', [0, 'Bochs Virtual HD Image'], [32, 'Redolog'], [48, 'Growing'], [64, '\0\0\x02\0'], [89, '\x40']),
  ),
  'cloop.img': readOnly(
    'cloop',
    image('cloop', [0, '#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0'], [130, '\x10'], [135, '\x03']),
  ),
  'apple.dmg': readOnly('dmg', image('dmg', [8192 - 512, 'koly\0\0\0\x04\0\0\x02\0'], [8192 - 512 + 499, '\x09'])),
  'disk.raw.xz': packedBy(
    'xz -0 -kc alone.raw > disk.raw.xz',
    'compressed with xz',
    'Register a copy with --convert qcow2, or make one: vdc-manage image convert',
  ),
  'disk.raw.bz2': packedBy(
    'bzip2 -kc alone.raw > disk.raw.bz2',
    'compressed with bzip2',
    'Register a copy with --convert',
  ),
  'disk.raw.zst': packedBy(
    'zstd -qc alone.raw > disk.raw.zst',
    'compressed with zstd',
    'Register a copy with --convert',
  ),
  'disk.zip': packedBy('zip -q disk.zip alone.raw', 'a zip archive', 'Register a copy with --convert'),
  'disk.7z': {
    make: bytes('7z\xbc\xaf\x27\x1c\0\x04', noise(4096, 5)),
    says: 'is a 7z archive, which the agents cannot unpack',
    hint: ': 7z x',
  },
  'machine.ova': {
    make: () => sh('echo "<?xml?>" > machine.ovf && tar -cf machine.ova machine.ovf alone.raw'),
    says: 'is an OVA, a whole virtual machine, which the agents cannot unpack',
    hint: 'Register a copy with --convert',
  },
  'machine.tgz': {
    make: () => sh('tar -czf machine.tgz machine.ovf alone.raw'),
    says: 'is an OVA',
    hint: 'Register a copy with --convert',
  },
  'two.tar': {
    make: () => sh('cp alone.raw other.raw && tar -cf two.tar alone.raw other.raw'),
    says: 'holds more than one file',
  },
  'two.tgz': { make: () => sh('tar -czf two.tgz alone.raw other.raw'), says: 'holds more than one file' },
  'none.tar': { make: () => sh('tar -cf none.tar -T /dev/null'), says: 'none.tar' },
  'folder.tar': {
    make: () => sh('mkdir -p d && tar -cf folder.tar d'),
    says: 'holds more than a disk image: "d/" is a directory',
  },
  'twice.gz': {
    make: () => sh('gzip -c alone.raw | gzip -c > twice.gz'),
    says: 'is compressed with gzip, not a disk image',
    hint: 'the agents unpack only once',
  },
  'tar.tar': {
    make: () => sh('tar -cf tar.tar two.tar'),
    says: 'is a tar archive, not a disk image',
    hint: 'the agents unpack only once',
  },
  'xz.gz': { make: () => sh('gzip -c disk.raw.xz > xz.gz'), says: 'is compressed with xz' },
  'words.gz': { make: () => sh('gzip -c text.img > words.gz'), says: 'is a text file, not a disk image' },
  // The hint of larger files would not help.
  'tiny.img': {
    make: bytes('Some words.\n'),
    says: 'is a text file, not a disk image',
    hint: 'Check that the path names a disk image',
  },
  'short.gz': {
    make: () => sh('head -c 100 disk.raw | gzip -c > short.gz'),
    says: 'is too short for a disk image: 100 bytes',
    hint: 'Download or copy the file again',
  },
  'nothing.gz': { make: () => sh('gzip -c < /dev/null > nothing.gz'), says: 'is empty after unpacking' },
  'cut.gz': {
    make: () => sh('gzip -c disk.raw | head -c 100000 > cut.gz'),
    says: 'is damaged or truncated',
    hint: 'Download or copy the file again',
  },
  'cut-inside.qcow2.gz': {
    make: () => sh('head -c 1000000 disk.qcow2 | gzip -c > cut-inside.qcow2.gz'),
    says: 'is damaged',
  },
  'secret1.luks': { make: luks(1), says: 'is encrypted: instances cannot boot it' },
  'secret2.luks': { make: luks(2), says: 'is encrypted' },
  'aes.qcow2': {
    make: (path) =>
      makeImage(path, {
        size: '8M',
        more: ['--object', 'secret,id=s,data=geheim', '-o', 'encrypt.format=aes,encrypt.key-secret=s'],
      }),
    says: 'is encrypted',
  },
  'luks.qcow2': { make: makeEncrypted, says: 'is encrypted' },
  'aes.qcow': {
    make: (path) =>
      makeImage(path, {
        format: 'qcow',
        size: '8M',
        more: ['--object', 'secret,id=s,data=geheim', '-o', 'encrypt.format=aes,encrypt.key-secret=s'],
      }),
    says: 'is encrypted',
  },
  'secret.raw.gz': { make: () => sh('gzip -c secret1.luks > secret.raw.gz'), says: 'is encrypted' },
  'both.img': {
    // A qcow2 image to one program, and an MBR disk to another.
    make: async (path) => {
      await makeFull(path, 'qcow2')
      const whole = readFileSync(path)
      bootSector().copy(whole, 446, 446)
      writeFileSync(path, whole)
    },
    says: /has the signatures of several formats: a qcow2 image and a disk with an MBR/,
  },
}

/** Creates an image with LUKS. QEMU measures CPU time for it, and gives up if the clock is too coarse. */
async function makeEncrypted(path: string): Promise<unknown> {
  const secret = ['--object', 'secret,id=s,data=geheim']
  const encrypt = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10'
  for (let left = 30; ; left--) {
    try {
      return await makeImage(path, { size: '8M', more: [...secret, '-o', encrypt] })
    } catch (error) {
      if (left === 0 || !/Unable to get accurate CPU usage/.test(String(error))) throw error
    }
  }
}

/** Returns a function that writes a LUKS header: magic number, version, payload offset. */
function luks(version: number): (path: string) => void {
  return bytes(
    `LUKS\xba\xbe\0${String.fromCharCode(version)}`,
    Buffer.alloc(98),
    Buffer.from([0x10, 0]),
    Buffer.alloc(4 * MIB),
  )
}

describe('refused formats', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase('sqlite')
    for (const [name, { make }] of Object.entries({ ...FOREIGN, ...REFUSED })) await make(at(name))
  })
  afterAll(() => database.remove())
  const add = (name: string, ...options: string[]) => [
    'image',
    'add',
    'local',
    at(name),
    '--account-id',
    'a-shpoolxx',
    ...options,
  ]

  test.each(Object.entries({ ...FOREIGN, ...REFUSED }))('%s', (name, { says, hint }) =>
    expectRefused(database, add(name), { exit: 3, message: says, ...(hint !== undefined && { hint }) }),
  )

  test.each(Object.keys(FOREIGN))('%s, unless declared raw', async (name) => {
    const run = await vdcManage(add(name, '--file-format', 'raw'), { database })
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('but is treated as a raw disk as declared') })
  })

  test.each(['disk.raw.xz', 'disk.zip', 'secret1.luks', 'bochs.img', 'disk.qcow2'])(
    '%s, even if declared raw',
    async (name) => {
      await expectRefused(database, add(name, '--file-format', 'raw'), { exit: 3, message: at(name) })
    },
  )

  test('a compressed image without a file extension is accepted', async () => {
    writeFileSync(
      at('gzip-by-content'),
      (await execa('gzip', ['-c'], { input: rawDisk(MIB), encoding: 'buffer' })).stdout,
    )
    const run = await vdcManage(add('gzip-by-content', '--json'), { database })
    expect(JSON.parse(run.stdout)).toMatchObject({
      file_format: 'raw',
      backup_object: { container_format: 'gz', size: MIB },
    })
  })
})
