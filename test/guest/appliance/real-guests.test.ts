import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { REAL_GUESTS } from '../../support/guests/disks/real-guests.ts'
import { ROOT, vdcManage } from '../../support/process/cli.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/*
 * The report of each guest is a golden file in test/golden/guests. libguestfs takes about 30 s per disk under
 * emulation, so only two of them are checked by default.
 */

const GOLDEN = 'test/golden/guests'
const goldenOf = (name: string) => name.replace(/\.\w+$/, '.txt')
const DEFAULT = ['centos-xfs-on-lvm.vmdk', 'fedora-efi-btrfs.qcow2']

/** The release of a kernel of Debian, which changes with each update. */
const OF_DEBIAN = /\b\d+\.\d+\.\d+-\d+(?:\+\w+)?(?:-cloud)?-amd64\b/g

const folder = newFolder()
afterAll(() => folder.remove())

const chosen = Object.entries(REAL_GUESTS).filter(([name]) => IS_THOROUGH || DEFAULT.includes(name))

test.each(chosen)('the report of %s', { timeout: 900_000 }, async (name, make) => {
  const disk = join(folder.path, name)
  await make(disk)
  const { code, stdout, stderr } = await vdcManage(['image', 'check', disk, '--accel', 'tcg'])
  const report = `${stdout}${stderr.replaceAll(disk, name)}exit code ${code}\n`.replaceAll(OF_DEBIAN, 'RELEASE')
  await expect(report).toMatchFileSnapshot(join(ROOT, GOLDEN, goldenOf(name)))
})

test('each guest has a golden file, and each golden file a guest', () => {
  const names = Object.keys(REAL_GUESTS).map(goldenOf)
  const ofFolders = ['faults.txt', 'ready.txt']
  expect(readdirSync(join(ROOT, GOLDEN)).sort()).toEqual([...names, ...ofFolders].sort())
})
