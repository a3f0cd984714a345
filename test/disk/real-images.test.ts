import { copyFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../support/files/images.ts'
import { vdcManageJson } from '../support/process/cli.ts'
import { IS_THOROUGH } from '../support/thorough.ts'

/** Boot media of Debian packages: a BIOS ISO, a floppy, and a hybrid ISO for CDs and USB sticks. */
const BOOT_IMAGES = [
  '/usr/lib/grub-rescue/grub-rescue-cdrom.iso',
  '/usr/lib/grub-rescue/grub-rescue-floppy.img',
  '/usr/lib/ipxe/ipxe.iso',
]

/** Every format that qemu-img writes and that can be registered, with options that change the layout. */
const FORMATS: [format: string, options: string[]][] = [
  ['raw', []],
  ['qcow2', []],
  ['qcow2', ['-o', 'compat=0.10']],
  ['qcow2', ['-c', '-o', 'compression_type=zstd']],
  ['qcow2', ['-o', 'cluster_size=4k,lazy_refcounts=on']],
  ['qcow', []],
  ['qed', []],
  ['vdi', []],
  ['vdi', ['-o', 'static=on']],
  ['vmdk', []],
  ['vmdk', ['-o', 'subformat=streamOptimized']],
  ['vpc', ['-o', 'force_size=on']],
  ['vhdx', []],
  ['vhdx', ['-o', 'subformat=fixed']],
  ['parallels', []],
]

/** A file that was made from boot media. */
interface Converted {
  path: string
  size: number
  md5: string
  sha256: string
}

const folder = newFolder()
afterAll(() => folder.remove())
const known = new Map<string, Promise<Converted>>()

/** Converts boot media, once for all databases. */
function converted(source: string, format: string, options: string[]): Promise<Converted> {
  const name = `${basename(source)}${options.join('')}.${format}`.replaceAll(/[^\w.-]/g, '_')
  const making = known.get(name) ?? convert(source, format, options, join(folder.path, name))
  known.set(name, making)
  return making
}

async function convert(source: string, format: string, options: string[], path: string): Promise<Converted> {
  await execa('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, source, path])
  return { path, size: statSync(path).size, md5: hashOf(path, 'md5'), sha256: hashOf(path, 'sha256') }
}

describe.each(ENGINES)('image add local of real disk images on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
  })
  afterAll(() => database.remove())
  const add = (path: string) =>
    vdcManageJson(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })

  test.each(BOOT_IMAGES)('registers %s', async (source) => {
    const path = join(folder.path, basename(source))
    copyFileSync(source, path)
    expect(await add(path)).toMatchObject({
      file_format: 'raw',
      virtual_size: statSync(source).size,
      backup_object: { checksum: hashOf(source, 'md5'), sha256: hashOf(source, 'sha256'), size: statSync(source).size },
    })
  })

  const formats = FORMATS.map(([format, options], number) => ({ format, options, number }))
  test.each(formats)('registers boot media as $format with options $options', async ({ format, options, number }) => {
    for (const [each, source] of BOOT_IMAGES.entries()) {
      // Each file is registered on one database at least.
      if (!IS_THOROUGH && (each + number + ENGINES.indexOf(engine)) % 2 === 0) continue
      const { path, size, md5, sha256 } = await converted(source, format, options)
      const sectors = Math.ceil(statSync(source).size / 512) * 512
      const image = await add(path)
      expect(image).toMatchObject({
        file_format: format,
        backup_object: { checksum: md5, sha256, allocation_size: size },
      })
      // VHDX and Parallels round the size up to whole blocks.
      expect(image.virtual_size).toBeGreaterThanOrEqual(sectors)
      expect(image.virtual_size).toBeLessThan(sectors + 2 * 1024 * 1024)
    }
  })

  test('records the virtual size of an empty 1 TiB disk in every format', async () => {
    for (const format of ['qcow2', 'qcow', 'qed', 'vdi', 'vmdk', 'vhdx', 'parallels']) {
      const image = await add(await makeImage(join(folder.path, `large.${format}`), { format, size: '1T' }))
      expect(image).toMatchObject({ file_format: format, virtual_size: 1024 ** 4 })
    }
  })
})
