import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { ENGINES } from '../support/databases/databases.ts'
import { newFolder } from '../support/files/images.ts'
import { environment, PROGRAM } from '../support/process/cli.ts'
import { ADD, newDatabaseWithObject, runThroughProxy } from '../support/process/scripts.ts'
import { record } from './support/goals.ts'
import { type Times, timesOf } from './support/times.ts'

const LINES = 1000
const ROUNDS = 5

/** The most milliseconds of processor time per line on MariaDB, including start-up, by --tx mode. */
const GOALS = { each: 3, bulk: 2 }
const MODES = Object.keys(GOALS) as (keyof typeof GOALS)[]
/** Statements per line in release 1.0. */
const BEFORE = 15
const WHAT = `${LINES} × image add local bo-…`

/** Returns the times of the run with the least processor time, because other load only adds to it. */
function least(all: readonly Times[]): Times {
  return all.reduce((best, times) => (times.processor < best.processor ? times : best))
}

test('processor time per line of image add local bo-… in the shell', async () => {
  const folder = newFolder()
  const script = join(folder.path, 'script')
  writeFileSync(script, `${ADD}\n`.repeat(LINES))
  for (const engine of ENGINES) {
    const database = await newDatabaseWithObject(engine)
    const env = environment({ database })
    const all: Record<keyof typeof GOALS, Times[]> = { each: [], bulk: [] }
    for (let round = 0; round < ROUNDS; round++)
      for (const tx of MODES) all[tx].push(await timesOf([PROGRAM, '-e', '--tx', tx, '-f', script], env))
    await database.remove()
    for (const tx of MODES) {
      const { processor, wall } = least(all[tx])
      const figure = `${(processor / LINES).toFixed(2)} ms per line`
      console.log(
        `${WHAT} on ${engine}, --tx ${tx}: ${figure} of processor time, ${(wall / LINES).toFixed(2)} ms of wall time`,
      )
      if (engine !== 'mariadb') continue
      const goal = GOALS[tx]
      record({
        part: 'scripts',
        what: `${WHAT}, --tx ${tx}, processor time with start-up`,
        figure,
        goal: `≤ ${goal} ms`,
        isMet: processor / LINES <= goal,
      })
    }
  }
  folder.remove()
})

test('statements per line of image add local bo-… in the shell', async () => {
  const database = await newDatabaseWithObject('mariadb')
  for (const tx of MODES) {
    const count = async (lines: number) => {
      const { proxy } = await runThroughProxy(database, Array<string>(lines).fill(ADD), ['-e', '--tx', tx])
      return proxy.statements()
    }
    const statements = ((await count(30)) - (await count(20))) / 10
    record({
      part: 'scripts',
      what: `image add local bo-…, --tx ${tx}, statements per line`,
      figure: `${statements}`,
      goal: `< ${BEFORE}, as before`,
      isMet: statements < BEFORE,
    })
  }
  await database.remove()
})
