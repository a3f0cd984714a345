import { chmodSync, linkSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { makeExt4 } from '../../../src/guest/build/disk/ext4.ts'
import { makeGrub } from '../../../src/guest/build/disk/grub.ts'
import { firstSector, PARTITION_START } from '../../../src/guest/build/disk/mbr.ts'
import { toolRunner } from '../../../src/guest/build/disk/run-tool.ts'
import { buildPath } from '../../../src/guest/build/inside/command.ts'
import { limitTimes } from '../../../src/guest/build/tree/limit-times.ts'
import { newFolder } from '../../support/files/images.ts'
import { newWatcher } from '../../support/process/watcher.ts'

const MIB = 2 ** 20
const TIME = 1_600_000_000
const IDENTITY = {
  filesystem: '44444444-dddd-8ddd-8ddd-000000000001',
  hashSeed: '44444444-dddd-8ddd-8ddd-000000000002',
  disk: 1,
}

const folder = newFolder()
afterAll(() => folder.remove())

/** Makes a tree whose files are created in this order, and a disk with it. Returns the disk's path. */
async function newDisk(names: readonly string[], size: number, bytes = 1000): Promise<string> {
  const inside = mkdtempSync(join(folder.path, 'build-'))
  const tree = join(inside, 'tree')
  mkdirSync(tree)
  chmodSync(tree, 0o755)
  for (const name of names) {
    mkdirSync(join(tree, name))
    writeFileSync(join(tree, name, 'file'), name.repeat(bytes / name.length))
    symlinkSync('file', join(tree, name, 'link'))
    linkSync(join(tree, name, 'file'), join(tree, name, 'other'))
  }
  await limitTimes(Buffer.from(tree), TIME)
  const path = join(folder.path, `${names.join('-')}.raw`)
  const handle = await open(path, 'w+')
  await handle.truncate(size)
  const run = toolRunner(inside, { PATH: buildPath(process.env) }, newWatcher().cancellation)
  try {
    await makeExt4({ handle, size }, tree, IDENTITY, TIME, run, async (text) => {
      await writeFile(join(inside, 'commands'), text)
      return join(inside, 'commands')
    })
    const { boot, core } = await makeGrub(inside, run)
    await handle.write(firstSector(boot, IDENTITY.disk, size), 0, 512, 0)
    await handle.write(core, 0, core.length, 512)
  } finally {
    await handle.close()
  }
  return path
}

describe('the disk of a guest', () => {
  test('has the files of a folder, and depends on nothing else', async () => {
    const [one, other] = [await newDisk(['a', 'bb', 'cc'], 64 * MIB), await newDisk(['cc', 'bb', 'a'], 64 * MIB)]
    const bytes = await readFile(one)
    expect(bytes.equals(await readFile(other))).toBe(true)
    expect(bytes.subarray(0, PARTITION_START).includes('GRUB')).toBe(true)
    const partition = `${one}?offset=${PARTITION_START}`
    expect(await execa('e2fsck', ['-fn', partition], { reject: false })).toMatchObject({ exitCode: 0 })
    const { stdout } = await execa('debugfs', ['-R', 'stat /bb/file', partition])
    expect(stdout).toMatch(/Links: 2/)
    // Of the inode: change, access, modification and creation.
    const times = [...stdout.matchAll(/(?:[ac]|m|cr)time: 0x([0-9a-f]+):/g)].map(([, hex]) =>
      Number.parseInt(hex ?? '', 16),
    )
    expect(times).toEqual([TIME, TIME, TIME, TIME])
    const { stdout: header } = await execa('dumpe2fs', ['-h', partition])
    expect(header).toMatch(/Filesystem UUID: +44444444-dddd-8ddd-8ddd-000000000001\n/)
    expect(header).toMatch(/Directory Hash Seed: +44444444-dddd-8ddd-8ddd-000000000002\n/)
    expect(header).not.toMatch(/orphan_file|metadata_csum_seed/)
  })

  test('is refused if it is too small', async () => {
    await expect(newDisk(['large'], 24 * MIB, 30 * MIB)).rejects.toMatchObject({
      code: 'VALUE_REFUSED',
      message: 'size 24M is too small for the guest',
      hint: expect.stringContaining('--size'),
    })
  })
})
