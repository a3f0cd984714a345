import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../support/files/images.ts'
import { lookInto, lookIntoBytes, PACKERS, pack, wordyDisk } from '../support/files/packed-images.ts'
import { BLOCK, type Entry, entryBytes, newEntry, paxEntry, paxRecord } from '../support/files/tar-bytes.ts'
import { randomFrom } from '../support/finding/finding.ts'

const DISK = wordyDisk()
const OVF = Buffer.from(
  '<?xml version="1.0"?>\n<Envelope><References><File ovf:href="disk.vmdk"/></References></Envelope>\n',
)
const folder = newFolder()
const at = (name: string) => join(folder.path, name)
let vmdk: Buffer

beforeAll(async () => {
  writeFileSync(at('disk.raw'), DISK)
  writeFileSync(at('machine.ovf'), OVF)
  await pack(folder.path, 'qemu-img convert -O vmdk -o subformat=streamOptimized FILE OUT', 'disk.raw', 'disk.vmdk')
  vmdk = readFileSync(at('disk.vmdk'))
})
afterAll(() => folder.remove())

function digest(bytes: Buffer, algorithm = 'sha256'): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

/** Returns the manifest of files. */
function manifest(files: Record<string, Buffer>, algorithm = 'sha256', between = ')= '): Entry {
  const lines = Object.entries(files).map(
    ([name, bytes]) => `${algorithm.toUpperCase()}(${name}${between}${digest(bytes, algorithm)}\n`,
  )
  return newEntry('machine.mf', Buffer.from(lines.join('')))
}

function ova(...entries: Entry[]): Buffer {
  return Buffer.concat([...entries.map(entryBytes), Buffer.alloc(2 * BLOCK)])
}
const ovf = newEntry('machine.ovf', OVF)
const disk = () => newEntry('disk.vmdk', vmdk)
const usual = () => ({ 'machine.ovf': OVF, 'disk.vmdk': vmdk })

describe('accepted OVAs', () => {
  test.each<[string, () => Buffer, string[]]>([
    ['the manifest first', () => ova(ovf, manifest(usual()), disk()), []],
    ['the manifest last', () => ova(ovf, disk(), manifest(usual())), []],
    ['SHA-1', () => ova(ovf, manifest(usual(), 'sha1'), disk()), []],
    ['SHA-512, last', () => ova(ovf, disk(), manifest(usual(), 'sha512')), []],
    ['blanks as some programs write them', () => ova(ovf, manifest(usual(), 'sha1', ') = '), disk()), []],
    ['no manifest', () => ova(ovf, disk()), ['has no manifest, so its disk could not be compared with a checksum']],
    [
      'a certificate',
      () => ova(ovf, manifest(usual()), newEntry('machine.cert', OVF), disk()),
      ['has a certificate, which was not checked'],
    ],
    [
      'memory of a BIOS',
      () => ova(ovf, manifest({ ...usual(), 'machine.nvram': OVF }), disk(), newEntry('machine.nvram', OVF)),
      [],
    ],
    [
      'a compressed disk',
      () => ova(ovf, manifest({ 'disk.vmdk.gz': gzipSync(vmdk) }), newEntry('disk.vmdk.gz', gzipSync(vmdk))),
      [],
    ],
    ['names with ./', () => ova(newEntry('./machine.ovf', OVF), manifest(usual()), newEntry('./disk.vmdk', vmdk)), []],
  ])('with %s', async (_, bytes, warnings) => {
    const looked = await lookIntoBytes(bytes(), 'ova')
    expect(looked.inspection).toMatchObject({ containerFormat: 'ova', fileFormat: 'vmdk', refusals: [], warnings })
    expect(looked.inspection.virtualSize).toBe(DISK.length)
    expect(looked.disk?.equals(vmdk)).toBe(true)
  })

  test('made by real programs, also packed again', async () => {
    const sums = await execa(
      'bash',
      ['-c', 'for f in machine.ovf disk.vmdk; do echo "SHA256($f)= $(sha256sum < $f | cut -c 1-64)"; done'],
      { cwd: folder.path },
    )
    writeFileSync(at('machine.mf'), sums.stdout)
    for (const format of ['gnu', 'ustar', 'pax']) {
      await pack(folder.path, `tar --format=${format} -cf OUT machine.ovf machine.mf FILE`, 'disk.vmdk', 'machine.ova')
      const looked = await lookInto(at('machine.ova'))
      expect(looked.inspection).toMatchObject({ containerFormat: 'ova', refusals: [], warnings: [] })
      expect(looked.disk?.equals(vmdk)).toBe(true)
    }
    for (const [ending, command] of Object.entries({ ...PACKERS, gz: 'gzip -c FILE > OUT' })) {
      await pack(folder.path, command, 'machine.ova', `machine.ova.${ending}`)
      const looked = await lookInto(at(`machine.ova.${ending}`))
      expect(looked.inspection).toMatchObject({ containerFormat: `ova.${ending}`, refusals: [], warnings: [] })
      expect(looked.disk?.equals(vmdk)).toBe(true)
      expect((await lookInto(at(`machine.ova.${ending}`), { unpacks: 'agents' })).why).toMatch(/agents cannot unpack$/)
    }
  })
})

describe('refused OVAs', () => {
  const changed = () => Buffer.from(vmdk).fill(1, 5000, 5001)
  test.each<[string, () => Buffer, RegExp]>([
    [
      'a digest of another disk',
      () => ova(ovf, manifest({ ...usual(), 'disk.vmdk': changed() }), disk()),
      /"disk.vmdk" does not match the manifest: expected [0-9a-f]{64}, got [0-9a-f]{64}$/,
    ],
    [
      'the same, with the manifest last',
      () => ova(ovf, disk(), manifest({ ...usual(), 'disk.vmdk': changed() }, 'sha1')),
      /"disk.vmdk" does not match the manifest/,
    ],
    [
      'a digest of another descriptor',
      () => ova(ovf, disk(), manifest({ ...usual(), 'machine.ovf': vmdk })),
      /"machine.ovf" does not match/,
    ],
    [
      'a manifest without the disk',
      () => ova(ovf, disk(), manifest({ 'machine.ovf': OVF })),
      /its manifest does not cover "disk.vmdk"/,
    ],
    [
      'a manifest first, without the disk',
      () => ova(ovf, manifest({ 'machine.ovf': OVF }), disk()),
      /its manifest does not cover "disk.vmdk"/,
    ],
    [
      'an empty manifest',
      () => ova(ovf, disk(), newEntry('machine.mf', Buffer.alloc(0))),
      /does not cover "disk.vmdk"/,
    ],
    [
      'a manifest that names others',
      () => ova(ovf, disk(), manifest({ ...usual(), 'more.vmdk': vmdk })),
      /names "more.vmdk", which it does not hold/,
    ],
    [
      'a manifest that names itself',
      () => ova(ovf, disk(), manifest({ ...usual(), 'machine.mf': vmdk })),
      /names "machine.mf", which/,
    ],
    [
      'a manifest with a file twice',
      () => ova(ovf, disk(), newEntry('machine.mf', Buffer.concat([manifest(usual()).body, manifest(usual()).body]))),
      /twice/,
    ],
    [
      'a manifest with another line',
      () => ova(ovf, disk(), newEntry('machine.mf', Buffer.from('MD5(disk.vmdk)= 00\n'))),
      /a line that is not the digest/,
    ],
    [
      'a manifest with a short digest',
      () => ova(ovf, disk(), newEntry('machine.mf', Buffer.from('SHA256(disk.vmdk)= 00\n'))),
      /a line that is not the digest/,
    ],
    [
      'a manifest that is huge',
      () => ova(ovf, disk(), newEntry('machine.mf', Buffer.alloc(2 ** 21))),
      /holds a manifest of more than/,
    ],
    [
      'a descriptor that is huge',
      () => ova(newEntry('machine.ovf', Buffer.alloc(2 ** 21)), disk()),
      /holds a descriptor of more than/,
    ],
    [
      'two disks',
      () => ova(ovf, disk(), newEntry('other.vmdk', vmdk)),
      /holds more than one disk or other file: "disk.vmdk" and "other.vmdk"/,
    ],
    ['a disk and a medium', () => ova(ovf, disk(), newEntry('tools.iso', vmdk)), /"disk.vmdk" and "tools.iso"/],
    ['a disk twice', () => ova(ovf, disk(), disk()), /"disk.vmdk" and "disk.vmdk"/],
    [
      'two descriptors',
      () => ova(ovf, newEntry('other.ovf', OVF), disk()),
      /two files of one kind: "machine.ovf" and "other.ovf"/,
    ],
    ['two manifests', () => ova(ovf, manifest(usual()), disk(), manifest(usual())), /two files of one kind/],
    ['no disk', () => ova(ovf, manifest({ 'machine.ovf': OVF })), /holds no disk/],
    ['an empty disk', () => ova(ovf, newEntry('disk.vmdk', Buffer.alloc(0))), /the disk "disk.vmdk" is empty/],
    ['a descriptor that is not first', () => ova(disk(), ovf), /an OVA whose descriptor is not its first file/],
    [
      'a symbolic link',
      () => ova(ovf, newEntry('disk.vmdk', Buffer.alloc(0), { type: '2', linkname: '/etc/shadow' })),
      /is an OVA that holds more than a disk image: "disk.vmdk" is a symbolic link/,
    ],
    [
      'a hard link',
      () => ova(ovf, disk(), newEntry('x.vmdk', Buffer.alloc(0), { type: '1', linkname: 'disk.vmdk' })),
      /is a hard link/,
    ],
    ['a folder', () => ova(ovf, newEntry('d/', Buffer.alloc(0), { type: '5' }), disk()), /is a directory/],
    ['a path that leads elsewhere', () => ova(ovf, newEntry('../disk.vmdk', vmdk)), /a path with "\.\." in it/],
    ['an absolute path', () => ova(ovf, newEntry('/etc/disk.vmdk', vmdk)), /an absolute path/],
    [
      'a sparse file',
      () =>
        ova(
          ovf,
          paxEntry(
            ['major', 'minor'].map((key, n) => paxRecord(`GNU.sparse.${key}`, `${1 - n}`)).join('') +
              paxRecord('GNU.sparse.realsize', '10'),
          ),
          disk(),
        ),
      /as a sparse or special file/,
    ],
    [
      'a disk with data after its gzip data',
      () => ova(ovf, newEntry('disk.vmdk.gz', Buffer.concat([gzipSync(vmdk), Buffer.alloc(512)]))),
      /has data after the gzip data of its disk/,
    ],
    [
      'a disk with damaged gzip data',
      () => ova(ovf, newEntry('disk.vmdk.gz', gzipSync(vmdk).subarray(0, 5000))),
      /is damaged or truncated/,
    ],
    [
      'data after its end',
      () => Buffer.concat([ova(ovf, disk()), Buffer.from('x'.repeat(512))]),
      /data after its end mark/,
    ],
    [
      'a disk that refers to another file',
      () => ova(ovf, newEntry('disk.qcow2', readFileSync(at('child.qcow2')))),
      /refers to the backing file \/etc\/passwd/,
    ],
    ['no disk image', () => ova(ovf, newEntry('disk.vmdk', OVF)), /is an XML file, not a disk image/],
  ])('with %s', async (_, bytes, why) => {
    await pack(folder.path, 'qemu-img create -q -f qcow2 -u -F raw -b FILE OUT 1M', '/etc/passwd', 'child.qcow2')
    const looked = await lookIntoBytes(bytes(), 'ova')
    expect(looked.why).toMatch(why)
    expect(looked.disk).toBeUndefined()
    expect(looked.inspection.refusals[0]?.hint ?? '').not.toMatch(/^Pack /)
  })

  test('cut off anywhere', async () => {
    const whole = ova(ovf, manifest(usual()), disk())
    for (let part = 1; part < 40; part++) {
      const length = Math.floor((part * (whole.length - 2 * BLOCK)) / 40)
      expect((await lookIntoBytes(whole.subarray(0, length), 'ova')).why, `${length} bytes`).toBeDefined()
    }
  })

  test('with any byte flipped, unless it is the same disk', async () => {
    const whole = ova(ovf, manifest(usual()), disk())
    const random = randomFrom(7)
    for (let count = 0; count < 80; count++) {
      const bytes = Buffer.from(whole)
      const place = Math.floor(random() * (count % 2 ? whole.length : 6 * BLOCK))
      bytes[place] = (bytes[place] as number) ^ (1 << Math.floor(random() * 8))
      const looked = await lookIntoBytes(bytes, 'ova')
      if (looked.why === undefined) expect(looked.disk?.equals(vmdk), `byte ${place}`).toBe(true)
    }
  })
})
