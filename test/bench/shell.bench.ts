import { expect, test } from 'vitest'
import { vdcManage } from '../support/cli.ts'
import { ENGINES } from '../support/databases.ts'
import { ADD, linesOf, newDatabaseWithObject, runScript } from '../support/scripts.ts'

const LINES = 1000
const PROCESSES = 20
const ROUNDS = 3

/** Lines a second of some work that runs so many lines. */
async function rate(lines: number, work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return (1000 * lines) / (performance.now() - started)
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

test('image add local bo-… through the shell, in lines a second', async () => {
  for (const engine of ENGINES) {
    const database = await newDatabaseWithObject(engine)
    const script = async (args: string[]) => {
      const run = await runScript(database, Array<string>(LINES).fill(ADD), ['-e', ...args])
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(linesOf(run.stdout)).toHaveLength(LINES)
    }
    const ways: Record<string, () => Promise<number>> = {
      'a process per line': () =>
        rate(PROCESSES, async () => {
          for (let line = 0; line < PROCESSES; line++) await vdcManage(ADD.split(' '), { database, reject: true })
        }),
      '--tx each': () => rate(LINES, () => script(['--tx', 'each'])),
      '--tx bulk': () => rate(LINES, () => script(['--tx', 'bulk'])),
    }
    const rates: Record<string, number[]> = {}
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, way] of Object.entries(ways)) rates[name] = [...(rates[name] ?? []), await way()]
    console.log(
      `\nimage add local bo-… on ${engine}, median of ${ROUNDS} rounds side by side, ${LINES} lines a script, ${PROCESSES} processes, ${process.version}`,
    )
    const single = median(rates['a process per line'] as number[])
    for (const [name, all] of Object.entries(rates))
      console.log(
        `  ${name.padEnd(20)} ${median(all).toFixed(1).padStart(7)} lines/s  ${(median(all) / single).toFixed(1).padStart(5)} x`,
      )
    await database.remove()
  }
})
