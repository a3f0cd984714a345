import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { test } from 'vitest'
import { newFolder } from '../support/files/images.ts'
import { makeExt } from '../support/guests/disks/filesystems.ts'
import { makeFromParts } from '../support/guests/disks.ts'
import { environment, PROGRAM } from '../support/process/cli.ts'
import { record } from './support/goals.ts'
import { timesOf } from './support/times.ts'

const ROUNDS = 2
/** How many times as long as the tools of libguestfs ours may take. */
const ALLOWED = 0.5
/** MiB of the disk. */
const SIZE = 600
/** Parts of this host that make a guest in which virt-inspector finds Debian, its kernel and its packages. */
const PARTS = ['etc', 'boot', 'var/lib/dpkg', 'usr/lib/modules', 'usr/lib/systemd', 'usr/lib/os-release', 'usr/sbin']
const LINKS = ['bin', 'sbin', 'lib']

/** Makes a raw disk with a partition that holds parts of this host, which must be Debian with libguestfs. */
async function makeDebian(path: string, folder: string): Promise<void> {
  await execa('sh', [
    ...['-c', 'cd / && mkdir -p "$0/root" "$0/tmp" "$0/var/log" && cp -a --parents "$@" "$0"', folder],
    ...[...PARTS, ...LINKS],
  ])
  await makeFromParts(path, 'raw', async (part) => {
    await makeExt(part('root'), folder, { mib: SIZE })
    return { table: 'dos', partitions: [{ content: part('root'), type: '83' }], boots: true }
  })
}

test('image check and image prepare beside virt-inspector and virt-sysprep, emulated', async () => {
  const folder = newFolder()
  const at = (name: string) => join(folder.path, name)
  await makeDebian(at('debian.raw'), at('guest'))
  const env = environment({
    env: { TMPDIR: folder.path, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  })
  // Not ready is 3.
  const ours = ['sh', '-c', '"$@" || [ $? = 3 ]', 'sh', PROGRAM, 'image']
  const commands: Record<string, { command: string[]; before?: () => Promise<unknown> }> = {
    check: { command: [...ours, 'check', at('debian.raw'), '--accel', 'tcg'] },
    'virt-inspector': { command: ['virt-inspector', '--format=raw', '-a', at('debian.raw')] },
    prepare: {
      command: [...ours, 'prepare', at('debian.raw'), at('out.qcow2'), '--accel', 'tcg'],
      before: async () => rmSync(at('out.qcow2'), { force: true }),
    },
    // It changes the disk in place, so it is given a copy, which is not measured.
    'virt-sysprep': {
      command: ['virt-sysprep', '--format', 'raw', '-a', at('copy.raw')],
      before: () => execa('cp', ['--sparse=always', at('debian.raw'), at('copy.raw')]),
    },
  }
  const seconds: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, { command, before }] of Object.entries(commands)) {
      await before?.()
      const { wall } = await timesOf(command, env)
      seconds[name] = [...(seconds[name] ?? []), wall / 1000]
    }
  console.log(`\nSeconds of ${ROUNDS} rounds: ${JSON.stringify(seconds)}`)
  const total = (name: string) => (seconds[name] as number[]).reduce((sum, each) => sum + each, 0)
  for (const [name, other] of [
    ['check', 'virt-inspector'],
    ['prepare', 'virt-sysprep'],
  ] as const) {
    const ratio = total(name) / total(other)
    record({
      ...{ part: 'guests', what: `image ${name} of a Debian guest, emulated` },
      figure: `${ratio.toFixed(2)} × ${other} (${(total(name) / ROUNDS).toFixed(0)} s, ${(total(other) / ROUNDS).toFixed(0)} s)`,
      ...{ goal: `≤ ${ALLOWED} ×`, isMet: ratio <= ALLOWED },
    })
  }
  folder.remove()
})
