import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { newFolder } from '../support/files/images.ts'
import { environment, PROGRAM, runLines } from '../support/process/cli.ts'
import { record } from './support/goals.ts'
import { type Times, timesOf } from './support/times.ts'

/*
 * One command with many IDs, compared with the same IDs one by one: by the same command of an older
 * build if BENCH_BASELINE names its folder, otherwise by the lines of a shell script.
 */

const IDS = 10_000
const GOAL = 10
const BASELINE = process.env.BENCH_BASELINE

/** The commands to measure, in this order on one registry, and whether the goal applies to them. */
const COMMANDS: readonly { words: string[]; isGoal: boolean }[] = [
  { words: ['label', '-', 'a=b'], isGoal: true },
  { words: ['features', '-', '--virtio'], isGoal: false },
  { words: ['modify', '-', '--state', 'pending'], isGoal: false },
  { words: ['del', '-'], isGoal: true },
]

const folder = newFolder()
afterAll(() => folder.remove())

/** Makes a registry with `IDS` images of ten objects. */
async function newRegistry(engine: TestDatabase['engine']): Promise<TestDatabase> {
  const database = await newDatabase(engine)
  const objects = Array.from({ length: 10 }, (_, index) => `bo-o${index}`)
  await runLines(
    [
      'backupstorage add --uuid bkst-s --base-uri file:///srv/s/ --storage-type local --display-name s',
      ...objects.map(
        (id) =>
          `backupobject add --uuid ${id} --storage-id bkst-s --object-key ${id}.raw --size 512 --checksum ${'0'.repeat(32)} --display-name o`,
      ),
      'image add local bo-o0 --uuid wmi-0 --account-id a-shpoolxx --is-public',
    ],
    { database },
  )
  const [first = {}] = await database.query('SELECT * FROM images')
  const columns = Object.keys(first).filter((column) => column !== 'id')
  const marks = `(${columns.map(() => '?').join(', ')})`
  for (let start = 1; start <= IDS; start += 500) {
    const rows = Array.from({ length: Math.min(500, IDS + 1 - start) }, (_, index) => ({
      ...first,
      uuid: String(start + index),
      backup_object_id: objects[index % objects.length] as string,
    }))
    const values = rows.flatMap((row: Record<string, string | number | null>) =>
      columns.map((column) => row[column] ?? null),
    )
    await database.query(
      `INSERT INTO images (${columns.join(', ')}) VALUES ${rows.map(() => marks).join(', ')}`,
      values,
    )
  }
  return database
}

/** Writes IDs, or the lines of a script, to a file. Returns its path. */
function fileOf(name: string, lineOf: (id: string) => string): string {
  const path = join(folder.path, name)
  writeFileSync(path, Array.from({ length: IDS }, (_, index) => `${lineOf(`wmi-${index + 1}`)}\n`).join(''))
  return path
}

/** Runs the program with a file as its stdin, and measures it. */
function timesWith(program: string, words: readonly string[], input: string, database: TestDatabase): Promise<Times> {
  return timesOf(['sh', '-c', 'input=$1; shift; exec "$@" < "$input"', 'sh', input, program, ...words], {
    ...environment({ database }),
  })
}

test.each(ENGINES)('one command with many IDs on %s', { timeout: 1_800_000 }, async (engine) => {
  const [batched, single] = [await newRegistry(engine), await newRegistry(engine)]
  const ids = fileOf('ids', (id) => id)
  for (const { words, isGoal } of COMMANDS) {
    const [verb = '', , ...options] = words
    const times = await timesWith(PROGRAM, ['image', ...words], ids, batched)
    const before =
      BASELINE === undefined
        ? await timesWith(
            PROGRAM,
            ['-e', '--tx', 'each'],
            fileOf('script', (id) => ['image', verb, id, ...options].join(' ')),
            single,
          )
        : await timesWith(join(BASELINE, 'bin/run.js'), ['image', ...words], ids, single)
    const [wall, processor] = [before.wall / times.wall, before.processor / times.processor]
    const perId = (milliseconds: number) => `${((milliseconds * 1000) / IDS).toFixed(0)} µs`
    console.log(
      `image ${words.join(' ')} on ${engine}, each of ${IDS} IDs: ${perId(times.wall)}, processor ${perId(times.processor)}; one by one ${perId(before.wall)} and ${perId(before.processor)}`,
    )
    record({
      part: 'scripts',
      what: `image ${words.join(' ')}, ${IDS} IDs on ${engine}, compared with ${BASELINE === undefined ? 'lines of a shell' : 'an older build'}`,
      figure: `${wall.toFixed(1)} × wall time, ${processor.toFixed(1)} × processor time`,
      goal: isGoal ? `≥ ${GOAL} ×` : 'faster',
      isMet: Math.min(wall, processor) >= (isGoal ? GOAL : 1),
    })
  }
  for (const database of [batched, single]) {
    const rest = await database.query('SELECT COUNT(*) AS n FROM images WHERE deleted_at IS NULL')
    expect(rest).toEqual([{ n: 1 }])
    await database.remove()
  }
})
