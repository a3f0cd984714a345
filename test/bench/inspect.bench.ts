import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { environment, PROGRAM } from '../support/cli.ts'
import { makeImage, newFolder } from '../support/images.ts'

const ROUNDS = 41
/** Milliseconds that looking at an image may take, beside a command that does nothing. */
const ALLOWED = 60

interface Times {
  wall: number
  /** User and system time, of its children too. */
  processor: number
}

/** Milliseconds that a command takes, as the shell's `time` tells them. */
async function timesOf(args: string[]): Promise<Times> {
  const command = ['-c', 'TIMEFORMAT="%3R %3U %3S"; time "$@" > /dev/null', 'bash', PROGRAM, ...args]
  const { stderr } = await execa('bash', command, { env: environment(), extendEnv: false })
  const [wall, user, system] = stderr.split(' ').map((seconds) => Number(seconds) * 1000) as [number, number, number]
  return { wall, processor: user + system }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

test('image inspect --no-checksum of a qcow2, beside a command that does nothing', async () => {
  const folder = newFolder()
  const path = await makeImage(join(folder.path, 'disk.qcow2'))
  const inspect = ['image', 'inspect', '--no-checksum', path]
  // The first of each reads the program from the disk.
  for (const args of [['--version'], inspect]) await timesOf(args)
  const rounds: { empty: Times; inspecting: Times }[] = []
  for (let round = 0; round < ROUNDS; round++)
    rounds.push({ empty: await timesOf(['--version']), inspecting: await timesOf(inspect) })
  folder.remove()

  console.log(`\nimage inspect --no-checksum of a qcow2, median of ${ROUNDS} rounds side by side, ${process.version}`)
  const differences = (['wall', 'processor'] as const).map((kind) => {
    const more = median(rounds.map(({ empty, inspecting }) => inspecting[kind] - empty[kind]))
    const [empty, inspecting] = (['empty', 'inspecting'] as const).map((what) =>
      median(rounds.map((round) => round[what][kind])).toFixed(0),
    )
    console.log(
      `  ${kind.padEnd(9)}  --version ${empty} ms, inspect ${inspecting} ms, of a round ${more.toFixed(0)} ms more`,
    )
    return more
  })
  expect(Math.min(...differences)).toBeLessThan(ALLOWED)
})
