import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crc32 } from '../../../../src/disk/formats/crc32.ts'
import { newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { type Patch, patch, u32le, u64be, u64le } from '../../../support/files/image-bytes.ts'
import { newFolder } from '../../../support/files/images.ts'
import { vdcManage } from '../../../support/process/cli.ts'
import { expectRefused } from '../../../support/refusals.ts'

/* Raw disks: partition tables that need repair, encrypted volumes, and files of other programs. */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

const MIB = 1024 * 1024
const sh = (line: string) =>
  execa('bash', ['-c', line], { cwd: folder.path, env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } })

let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  await sh(`truncate -s 8M gpt.img && sgdisk -n 1:2048:8191 -n 2:8192:0 gpt.img
    truncate -s 8M mbr.img && printf '1M,3M,L,*\\n4M,,L\\n' | sfdisk -q mbr.img`)
})
afterAll(() => database.remove())
const add = (name: string) => ['image', 'add', 'local', at(name), '--account-id', 'a-shpoolxx']

/** Copies a file and changes bytes of the copy. */
function changed(source: string, name: string, ...patches: Patch[]): string {
  copyFileSync(at(source), at(name))
  patch(at(name), ...patches)
  return name
}

describe('partition tables', () => {
  test.each(['gpt.img', 'mbr.img'])(
    '%s beyond the end of the file is refused with a truncate command that fixes it',
    async (source) => {
      const name = `short-${source}`
      copyFileSync(at(source), at(name))
      truncateSync(at(name), 6 * MIB)
      const command = `truncate -s ${8 * MIB} ${at(name)}`
      await expectRefused(database, add(name), {
        exit: 3,
        message: `has partitions that end beyond the file: they need ${8 * MIB} bytes, but it has ${6 * MIB}`,
        hint: `fetching it again does not help. Extend it with: ${command}`,
      })
      await sh(command)
      expect(statSync(at(name)).size).toBe(8 * MIB)
      expect(await vdcManage(add(name), { database })).toMatchObject({ code: 0 })
    },
  )

  test('a partition beyond the largest possible file is reported exactly', async () => {
    const bytes = readFileSync(at('gpt.img'))
    bytes.writeBigUInt64LE(2n ** 63n, 1024 + 40)
    bytes.writeUInt32LE(crc32(bytes.subarray(1024, 1024 + 128 * 128)), 512 + 88)
    bytes.writeUInt32LE(0, 512 + 16)
    bytes.writeUInt32LE(crc32(bytes.subarray(512, 512 + 92)), 512 + 16)
    writeFileSync(at('far.img'), bytes)
    await expectRefused(database, add('far.img'), {
      exit: 3,
      message: `they need ${(2n ** 63n + 1n) * 512n} bytes`,
      hint: `truncate -s ${(2n ** 63n + 1n) * 512n}`,
    })
  })

  test.each<[name: string, patch: Patch, says: string]>([
    ['sum.img', [600, '\xff'], 'the checksum of its GPT header is wrong'],
    ['gone.img', [512, Buffer.alloc(512)], 'its GPT header is missing'],
    ['entries.img', [1030, 'XXXX'], 'the checksum of its GPT entries is wrong'],
  ])(
    'a damaged GPT with an intact backup is refused with an sgdisk command that repairs it: %s',
    async (name, change, says) => {
      changed('gpt.img', name, change)
      await expectRefused(database, add(name), {
        exit: 3,
        message: `is damaged: ${says}; the backup GPT at its end is intact`,
        hint: `Repair it from the backup: sgdisk -e ${at(name)} (or gdisk ${at(name)}, then w)`,
      })
      await sh(`sgdisk -e ${name}`)
      expect(readFileSync(at(name)).equals(readFileSync(at('gpt.img')))).toBe(true)
      expect(await vdcManage(add(name), { database })).toMatchObject({ code: 0 })
    },
  )

  test('a GPT with two damaged copies gets no repair hint', async () => {
    changed('gpt.img', 'both.img', [600, '\xff'], [8 * MIB - 512 + 88, '\xff\xff'])
    await expectRefused(database, add('both.img'), {
      exit: 3,
      message: /is damaged: the checksum of its GPT header is wrong$/,
      hint: 'Download or copy the file again',
    })
  })

  test('an old GPT at the end of an MBR disk is ignored', async () => {
    const bytes = readFileSync(at('mbr.img'))
    readFileSync(at('gpt.img')).copy(bytes, 8 * MIB - 33 * 512, 8 * MIB - 33 * 512)
    writeFileSync(at('stale.img'), bytes)
    expect(await vdcManage(add('stale.img'), { database })).toMatchObject({ code: 0, stderr: '' })
  })
})

const BITLOCKER: Patch[] = [
  [0, '\xeb\x58\x90-FVE-FS-'],
  [510, '\x55\xaa'],
]
const TO_GO: Patch[] = [
  [0, '\xeb\x58\x90MSWIN4.1'],
  [424, Buffer.from('3bd66749292ed84a8399f6a339e3d001', 'hex')],
  [510, '\x55\xaa'],
]
const CORE_STORAGE: Patch[] = [
  [8, '\x01\0\x10\0'],
  [88, 'CS'],
]
const APFS: Patch[] = [
  [32, 'NXSB'],
  [36, u32le(4096)],
  [40, u64le(1024)],
  [1296, u64le(500)],
]
const KEYS: Patch = [1304, u64le(1)]
const LUKS: Patch[] = [[0, 'LUKS\xba\xbe\0\x02']]

const again = ', then make the image again'
const VOLUMES: [name: string, title: string, patches: Patch[], hint: string][] = [
  ['bitlocker', 'BitLocker', BITLOCKER, `Decrypt it in the guest with manage-bde -off${again}`],
  ['to-go', 'BitLocker', TO_GO, `Decrypt it in the guest with manage-bde -off${again}`],
  ['core-storage', 'FileVault', CORE_STORAGE, `Turn off FileVault in the guest${again}`],
  ['apfs', 'FileVault', [...APFS, KEYS], `Turn off FileVault in the guest${again}`],
  ['pgp', 'PGP Whole Disk Encryption', [[3, 'PGPGUARD']], 'pgpwde --decrypt'],
]

describe('encrypted volumes', () => {
  test.each(VOLUMES)('%s as a whole disk is refused', async (name, title, patches, hint) => {
    writeFileSync(at(`${name}.raw`), Buffer.alloc(4 * MIB))
    patch(at(`${name}.raw`), ...patches)
    const message = `is encrypted (${title}): instances cannot boot it`
    await expectRefused(database, add(`${name}.raw`), { exit: 3, message, hint })
    await expectRefused(database, [...add(`${name}.raw`), '--file-format', 'raw'], { exit: 3, message })
  })

  const luks: (typeof VOLUMES)[number] = ['luks', 'LUKS', LUKS, 'cryptsetup open']
  test.each([luks, ...VOLUMES])('%s as the second partition is refused', async (name, title, patches, hint) => {
    for (const disk of ['gpt.img', 'mbr.img']) {
      const moved = patches.map(([place, bytes]): Patch => [4 * MIB + place, bytes])
      changed(disk, `${name}-${disk}`, ...moved)
      const message = `is encrypted (${title}, partition 2): instances cannot boot it`
      await expectRefused(database, add(`${name}-${disk}`), { exit: 3, message, hint })
    }
  })

  test('APFS without a keybag is accepted', async () => {
    changed('gpt.img', 'plain-apfs.img', ...APFS.map(([place, bytes]): Patch => [4 * MIB + place, bytes]))
    expect(await vdcManage(add('plain-apfs.img'), { database })).toMatchObject({ code: 0, stderr: '' })
  })

  test.each([
    ['of version 2', 0, 'encrcdsa'],
    ['of version 1', MIB - 8, 'cdsaencr'],
  ])('an encrypted macOS disk image %s is refused', async (_, place, text) => {
    writeFileSync(at('secret.dmg'), Buffer.alloc(MIB))
    patch(at('secret.dmg'), [place, text])
    await expectRefused(database, add('secret.dmg'), {
      exit: 3,
      message: 'is encrypted (a macOS disk image): instances cannot boot it',
      hint: `hdiutil convert ${at('secret.dmg')} -format UDTO`,
    })
  })
})

const MACHINE = 'Register the disk image that the machine ran from'
/** Names of other file formats, how their files start, and how to get a disk image from them. */
const OTHERS: [title: string, start: string, hint: string][] = [
  ['an EnCase image (EWF)', 'EVF\x09\x0d\x0a\xff\x00\x01', 'ewfexport -f raw -t OUT'],
  ['an EnCase image (EWF)', 'EVF2\x0d\x0a\x81\x00', 'ewfexport'],
  ['an AFF image', 'AFF10\r\n\0', 'affconvert -r'],
  ['a Proxmox VE backup (VMA)', 'VMA\0\0\0\0\x01', 'vma extract'],
  ['a Proxmox Backup Server index', '\x2f\x7f\x41\xed\x91\xfd\x0f\xcd', 'proxmox-backup-client restore'],
  ['a Ceph export (rbd export --export-format 2)', 'rbd image v2\n', 'rbd import'],
  ['a Ceph export (rbd export --export-format 2)', 'rbd image v1\n', 'rbd import'],
  ['a Ceph image diff (rbd export-diff)', 'rbd diff v1\n', 'rbd import-diff'],
  ['a Ceph image diff (rbd export-diff)', 'rbd diff v2\n', 'rbd import-diff'],
  ['a macOS sparse image', 'sprs\0\0\0\x03', 'hdiutil convert'],
  ['a macOS sparse image (ASIF)', 'shdw\0\0\0\x01\0\0\x02\0', 'diskutil image create from --format RAW'],
  ['an Android sparse image', '\x3a\xff\x26\xed\x01\0\0\0', 'simg2img'],
  ['a partclone image', 'partclone-image0002', 'partclone.restore'],
  ['an ntfsclone image', '\0ntfsclone-image', 'ntfsclone --restore-image'],
  ['a Partimage image', 'PaRtImAgE-VoLuMe', 'partimage restore'],
  ['an FSArchiver archive', 'FsA0', 'fsarchiver restfs'],
  ['a Ghost image', '\xfe\xef\x01\x02', 'Ghost'],
  ['an Acronis backup', '\xce\x24\xb9\xa2\x20\0\0\0', 'Acronis'],
  ['a compressed ISO image (CSO)', 'CISO\x18\0\0\0', 'maxcso --decompress'],
  ['a MAME hard disk file (CHD)', 'MComprHD\0\0\0\x7c', 'chdman extracthd'],
  ['a btrfs send stream', 'btrfs-stream\0\x01', 'btrfs receive'],
  ['a zfs send stream', '\0\0\0\0\0\0\0\0\xac\xcb\xba\xf5\x02\0\0\0', 'zfs receive'],
  ['an XFS dump', 'xFSdump0', 'xfsrestore'],
  ['a saved QEMU machine', 'QEVM\0\0\0\x03', MACHINE],
  ['a saved libvirt machine', 'LibvirtQemudSave', MACHINE],
  ['a saved libvirt machine', 'LibvirtQemudPart', MACHINE],
  ['a suspended VMware machine', '\xd2\xbe\xd2\xbe\x08\0\0\0', MACHINE],
  ['a saved VirtualBox machine', '\x7fVirtualBox SavedState V2.0\n', MACHINE],
  ['a saved Hyper-V machine', '\x14\x20\x28\x01', MACHINE],
  ['a saved Xen machine', 'Xen saved domain, xl format\n', MACHINE],
  ['a kernel crash dump', 'KDUMP   ', MACHINE],
]

describe('files of backup and virtualisation programs', () => {
  test.each(OTHERS)('%s is refused (%#)', async (title, start, hint) => {
    writeFileSync(at('file.img'), Buffer.concat([Buffer.from(start, 'latin1'), Buffer.alloc(MIB, 'data')]))
    const message = `is ${title}, not a disk image`
    await expectRefused(database, add('file.img'), { exit: 3, message, hint })
    await expectRefused(database, [...add('file.img'), '--file-format', 'raw'], { exit: 3, message })
  })

  test('a hint calls the file inside a container DISK', async () => {
    writeFileSync(at('packed.img'), Buffer.concat([Buffer.from('MComprHD'), Buffer.alloc(MIB)]))
    await sh('gzip packed.img')
    await expectRefused(database, add('packed.img.gz'), {
      exit: 3,
      message: 'is a MAME hard disk file (CHD), not a disk image',
      hint: 'Unpack it to DISK first. Extract it: chdman extracthd -i DISK -o OUT.raw',
    })
  })

  test('an extent of newer ESX versions is refused', async () => {
    writeFileSync(at('sesparse.vmdk'), Buffer.concat([u64le(0xcafebabe), u64be(1), Buffer.alloc(MIB)]))
    await expectRefused(database, add('sesparse.vmdk'), {
      exit: 3,
      message: 'refers to a VMDK descriptor in another file (it is one extent of an image)',
      hint: 'Convert it to a single file',
    })
  })
})
