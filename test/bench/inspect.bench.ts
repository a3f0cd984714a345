import { join } from 'node:path'
import { test } from 'vitest'
import { makeImage, newFolder } from '../support/files/images.ts'
import { environment, PROGRAM } from '../support/process/cli.ts'
import { record } from './support/goals.ts'
import { median, type Times, timesOf } from './support/times.ts'

const ROUNDS = 41
/** The most milliseconds that inspecting an image may take in addition to a command that does nothing. */
const ALLOWED = 60

test('image inspect --no-checksum of a qcow2, compared with a command that does nothing', async () => {
  const folder = newFolder()
  const path = await makeImage(join(folder.path, 'disk.qcow2'))
  const inspect = [PROGRAM, 'image', 'inspect', '--no-checksum', path]
  const nothing = [PROGRAM, '--version']
  const env = environment()
  // The first run of each reads the program from the disk.
  for (const command of [nothing, inspect]) await timesOf(command, env)
  const rounds: { empty: Times; inspecting: Times }[] = []
  for (let round = 0; round < ROUNDS; round++)
    rounds.push({ empty: await timesOf(nothing, env), inspecting: await timesOf(inspect, env) })
  folder.remove()

  console.log(`\nimage inspect --no-checksum of a qcow2, median of ${ROUNDS} rounds side by side, ${process.version}`)
  const differences = (['wall', 'processor'] as const).map((kind) => {
    const more = median(rounds.map(({ empty, inspecting }) => inspecting[kind] - empty[kind]))
    const [empty, inspecting] = (['empty', 'inspecting'] as const).map((what) =>
      median(rounds.map((round) => round[what][kind])).toFixed(0),
    )
    console.log(
      `  ${kind.padEnd(9)}  --version ${empty} ms, inspect ${inspecting} ms, ${more.toFixed(0)} ms more per round`,
    )
    return more
  })
  const least = Math.min(...differences)
  record({
    part: 'inspect',
    what: 'image inspect --no-checksum of a qcow2, compared with --version',
    figure: `${least.toFixed(0)} ms more`,
    goal: `< ${ALLOWED} ms more`,
    isMet: least < ALLOWED,
  })
})
