import { statSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { test } from 'vitest'
import { CLUSTER, makeCompressed } from '../support/files/compressed.ts'
import { newFolder } from '../support/files/images.ts'
import { environment, PROGRAM } from '../support/process/cli.ts'
import { record } from './support/goals.ts'
import { median, wallTime } from './support/times.ts'

const ROUNDS = 7
const CLUSTERS = 2048
/** Time that `--thorough` may add to an inspection, as a multiple of that of qemu-img. */
const ALLOWED = 1.3

test.each<[name: string, format: string, more: string[]]>([
  ['zlib.qcow2', 'qcow2', ['-c']],
  ['zstd.qcow2', 'qcow2', ['-c', '-o', 'compression_type=zstd']],
  ['stream.vmdk', 'vmdk', ['-o', 'subformat=streamOptimized']],
  ['plain.qcow2', 'qcow2', []],
])('image inspect --thorough of %s, compared with qemu-img convert to null-co', async (name, format, more) => {
  const folder = newFolder()
  const path = await makeCompressed(join(folder.path, name), format, CLUSTERS, more)
  const inspect = (options: string[]) =>
    execa(PROGRAM, ['image', 'inspect', '--no-checksum', ...options, path], { env: environment(), extendEnv: false })
  const target = ['--target-image-opts', path, `driver=null-co,size=${CLUSTERS * CLUSTER}`]
  const convert = () => execa('qemu-img', ['convert', '-n', '-f', format, ...target])
  const rounds: { quick: number; thorough: number; nowhere: number }[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const quick = (await wallTime(() => inspect([]))) / 1000
    const thorough = (await wallTime(() => inspect(['--thorough']))) / 1000
    const nowhere = (await wallTime(convert)) / 1000
    // The first round reads everything from the disk.
    if (round > 0) rounds.push({ quick, thorough, nowhere })
  }
  const stored = Math.round(statSync(path).size / 1024 ** 2)
  folder.remove()
  const [extra, nowhere] = [
    median(rounds.map(({ quick, thorough }) => thorough - quick)),
    median(rounds.map((round) => round.nowhere)),
  ]
  console.log(
    `\n${name}, ${stored} of ${(CLUSTERS * CLUSTER) / 1024 ** 2} MiB, median of ${ROUNDS} rounds side by side:\n` +
      `  --thorough takes ${extra.toFixed(2)} s more than without it, qemu-img convert to null-co ${nowhere.toFixed(2)} s: ${(extra / nowhere).toFixed(2)} times as long`,
  )
  record({
    part: 'inspect',
    what: `image inspect --thorough of ${name}, compared with qemu-img convert to null-co`,
    figure: `${(extra / nowhere).toFixed(2)} ×`,
    goal: `≤ ${ALLOWED} × and 0.1 s`,
    isMet: extra <= nowhere * ALLOWED + 0.1,
  })
})
