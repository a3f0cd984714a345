import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { test } from 'vitest'
import { newDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { environment, PROGRAM, vdcManage } from '../support/process/cli.ts'
import { NOBODY } from '../support/process/root-home.ts'
import { record } from './support/goals.ts'
import { median, timesOf } from './support/times.ts'

/*
 * Processor time of commands that do almost nothing, compared with an empty node. BENCH_NODES names
 * a folder with more releases of Node to measure, each in a folder of its own.
 */

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 21)
/** Goals as multiples of an empty node: for all releases, and for commands without a database on Node 20. */
const GOAL = 3.5
const LIGHT_GOAL = 3
/** Multiples that `image show` took before there was a bundle: the goals if no compiled code is kept. */
const BEFORE: Readonly<Record<string, number>> = { v20: 8.5, v22: 9, v24: 5.7, v26: 6.3 }

/** Root keeps compiled code in /var/cache, so root runs everything as nobody, who keeps it in HOME. */
const AS_NOBODY = process.geteuid?.() === 0 ? ['setpriv', `--reuid=${NOBODY}`, '--clear-groups'] : []

/** Makes a folder that the program may write to, also as nobody. */
function ownFolder(path: string): string {
  mkdirSync(path, { mode: 0o700 })
  if (AS_NOBODY.length > 0) chownSync(path, NOBODY, NOBODY)
  return path
}

/** Returns the versions and folders of all releases of Node to measure. */
async function releases(): Promise<[version: string, folder: string][]> {
  const more = process.env.BENCH_NODES
  const folders =
    more === undefined ? [] : readdirSync(more).flatMap((name) => [join(more, name), join(more, name, 'bin')])
  const found = [dirname(process.execPath), ...folders].filter((folder) => existsSync(join(folder, 'node')))
  return Promise.all(found.map(async (folder) => [(await execa(join(folder, 'node'), ['--version'])).stdout, folder]))
}

interface Measured {
  what: string
  command: string[]
  env: Record<string, string>
  /** A multiple of an empty node. */
  goal: number | undefined
}

test('processor time of start-up, compared with an empty node', async () => {
  const folder = newFolder()
  chmodSync(folder.path, 0o755)
  const path = await makeImage(join(folder.path, 'disk.qcow2'))
  const server = await newDatabase('mariadb')
  const embedded = { uri: `sqlite://${ownFolder(join(folder.path, 'registry'))}/registry.sqlite` }
  const add = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx']
  const onServer = (await vdcManage(add, { database: server, reject: true })).stdout.trim()
  const as = async (env: Record<string, string>, args: string[]) =>
    (
      await execa([...AS_NOBODY, PROGRAM, ...args][0] as string, [...AS_NOBODY, PROGRAM, ...args].slice(1), {
        env,
        extendEnv: false,
      })
    ).stdout
  let homes = 0

  for (const [version, node] of await releases()) {
    const newHome = () => ownFolder(join(folder.path, `home${++homes}`))
    const home = newHome()
    const env = (HOME: string, database: { uri: string }) => {
      const { PATH, ...rest } = environment({ env: { HOME, VDC_MANAGE_DATABASE_URI: database.uri } })
      return { ...rest, PATH: `${node}:${PATH}`, XDG_STATE_HOME: join(HOME, 'state') }
    }
    const warm = env(home, embedded)
    const id = (await as(warm, add)).trim()
    const program = (what: string, words: string[], goal: number | undefined, environment = warm): Measured => ({
      what,
      command: [...AS_NOBODY, PROGRAM, ...words],
      env: environment,
      goal,
    })
    const light = version.startsWith('v20.') ? LIGHT_GOAL : undefined
    const measured = (round: number): Measured[] => [
      { what: 'node -e 0', command: [...AS_NOBODY, 'node', '-e', '0'], env: warm, goal: undefined },
      program('image show on sqlite', ['image', 'show', id], GOAL),
      program('image show on mariadb', ['image', 'show', onServer], GOAL, env(home, server)),
      program('--version', ['--version'], light),
      program('--help', ['--help'], light),
      program('image add --help', ['image', 'add', '--help'], light),
      program('completion of an ID', ['complete', 'zsh', '--', 'image', 'show', 'wmi-'], light),
      program(
        'image show on sqlite, first run',
        ['image', 'show', id],
        BEFORE[version.slice(0, 3)],
        env(round < 0 ? home : newHome(), embedded),
      ),
      program(
        'image show on sqlite, no code kept',
        ['image', 'show', id],
        BEFORE[version.slice(0, 3)],
        env('/nonexistent', embedded),
      ),
    ]
    // The first run of each reads the program from the disk and keeps its compiled code.
    for (const { command, env } of measured(-1)) await timesOf(command, env)
    const rounds: number[][] = []
    for (let round = 0; round < ROUNDS; round++) {
      const times: number[] = []
      for (const { command, env } of measured(round)) times.push((await timesOf(command, env)).processor)
      rounds.push(times)
    }
    console.log(`\nProcessor time, minimum and median of ${ROUNDS} rounds side by side, ${version}`)
    for (const [at, { what, goal }] of measured(-1).entries()) {
      const all = rounds.map((times) => times[at] as number)
      const ratio = Math.min(...all) / Math.min(...rounds.map((times) => times[0] as number))
      const middle = median(rounds.map((times) => (times[at] as number) / (times[0] as number)))
      console.log(
        `  ${what.padEnd(36)} ${Math.min(...all)
          .toFixed(0)
          .padStart(4)} ms, ${median(all).toFixed(0).padStart(4)} ms; ${ratio.toFixed(2)} x and ${middle.toFixed(2)} x`,
      )
      if (goal === undefined) continue
      record({
        part: 'start-up',
        what: `${what}, Node ${version}`,
        figure: `${middle.toFixed(2)} × node -e 0`,
        goal: `≤ ${goal} ×`,
        isMet: middle <= goal,
      })
    }
  }
  await server.remove()
  folder.remove()
})
