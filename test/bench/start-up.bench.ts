import { join } from 'node:path'
import { execa } from 'execa'
import { test } from 'vitest'
import { environment, PROGRAM, vdcManage } from '../support/cli.ts'
import { ENGINES, newDatabase } from '../support/databases.ts'
import { makeImage, newFolder } from '../support/images.ts'

const ROUNDS = 25

/** User CPU time of a command and its children, in milliseconds, as the shell's `time` tells it. */
async function userTime(command: string[], env: Record<string, string>): Promise<number> {
  const { stderr } = await execa('bash', ['-c', 'TIMEFORMAT=%3U; time "$@" > /dev/null', 'bash', ...command], {
    env,
    extendEnv: false,
  })
  return Number(stderr.trim()) * 1000
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

test('start-up, in user CPU time of an empty node', async () => {
  const folder = newFolder()
  const path = await makeImage(join(folder.path, 'disk.qcow2'))
  // Where the environment makes node read certificates at every start, that is part of both times.
  const more = process.env.NODE_EXTRA_CA_CERTS
  for (const certificates of more ? [more, undefined] : [undefined]) {
    const env = {
      ...environment({ env: { VDC_MANAGE_DATABASE_URI: 'sqlite:///unused' } }),
      ...(certificates ? { NODE_EXTRA_CA_CERTS: certificates } : {}),
    }
    const commands: Record<string, { command: string[]; env: Record<string, string> }> = {
      'node -e 0': { command: ['node', '-e', '0'], env },
      '--version': { command: [PROGRAM, '--version'], env },
    }
    const databases = await Promise.all(ENGINES.map(newDatabase))
    for (const database of databases) {
      const add = await vdcManage(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], {
        database,
        reject: true,
      })
      const withDatabase = { ...env, VDC_MANAGE_DATABASE_URI: database.uri }
      commands[`image show on ${database.engine}`] = {
        command: [PROGRAM, 'image', 'show', add.stdout.trim()],
        env: withDatabase,
      }
    }
    const times: Record<string, number[]> = {}
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, { command, env: own }] of Object.entries(commands)) {
        times[name] ??= []
        times[name].push(await userTime(command, own))
      }
    }
    console.log(
      `\nUser CPU time, median of ${ROUNDS} rounds side by side, ${process.version}, NODE_EXTRA_CA_CERTS ${certificates ? 'set' : 'not set'}`,
    )
    const empty = median(times['node -e 0'] as number[])
    for (const [name, all] of Object.entries(times)) {
      console.log(
        `  ${name.padEnd(24)} ${median(all).toFixed(0).padStart(4)} ms  ${(median(all) / empty).toFixed(2)} x`,
      )
    }
    for (const database of databases) await database.remove()
  }
  folder.remove()
})
