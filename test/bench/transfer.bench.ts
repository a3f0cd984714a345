import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ENGINES, type Engine, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { imagesOfOneObject, type Line, wholeRegistry, writeRegistryFile } from '../support/databases/registry-lines.ts'
import { newFolder } from '../support/files/images.ts'
import { environment, PROGRAM } from '../support/process/cli.ts'
import { record } from './support/goals.ts'
import { type Times, timesOf } from './support/times.ts'

const IMAGES = 100_000
/** How many times as many images must take no more memory. */
const MORE = 3

/** Images per second. */
const GOALS = { import: { sqlite: 8_000, mariadb: 4_000 }, export: 20_000 }
/** How many times the memory of `IMAGES` the larger number may take. */
const FLAT = 1.25

/** Contents of registry files, by their descriptions. */
const CONTENTS: Record<string, (images: number) => Iterable<Line>> = {
  'images of one object': imagesOfOneObject,
  'images of an object with four labels each': wholeRegistry,
}

const folder = newFolder()

/** Runs a command of the program in bash, so that `< file` is its stdin. The peak of memory is in MiB. */
async function measured(database: TestDatabase, words: string): Promise<Times & { peak: number }> {
  const log = join(folder.path, 'memory')
  const line = `/usr/bin/time -q -o ${log} -f %M ${PROGRAM} ${words}`
  const times = await timesOf(['bash', '-c', line], environment({ database }))
  return { ...times, peak: Number(readFileSync(log, 'utf8')) / 1024 }
}

function recordRate(what: string, images: number, { wall, processor, peak }: Times & { peak: number }, goal: number) {
  const rate = (1000 * images) / wall
  const figure = `${rate.toFixed(0)}/s, ${((processor / images) * 1000).toFixed(0)} µs of processor time each, ${peak.toFixed(0)} MiB`
  record({ part: 'transfer', what, figure, goal: `≥ ${goal}/s`, isMet: rate >= goal })
}

async function importInto(engine: Engine, path: string, way: string) {
  const database = await newDatabase(engine)
  const times = await measured(database, `registry import ${way === 'a pipe' ? `< ${path}` : path}`)
  return { database, times }
}

test.each(Object.entries(CONTENTS))(
  `registry import and export of ${IMAGES} %s`,
  { timeout: 1_800_000 },
  async (name, contents) => {
    const path = join(folder.path, 'registry.ndjson')
    await writeRegistryFile(path, contents(IMAGES))
    for (const engine of ENGINES) {
      for (const way of engine === 'sqlite' ? ['a file', 'a pipe'] : ['a file']) {
        const { database, times } = await importInto(engine, path, way)
        recordRate(`import of ${IMAGES} ${name} from ${way} into ${engine}`, IMAGES, times, GOALS.import[engine])
        const [row] = await database.query('SELECT COUNT(*) AS n FROM images')
        expect(row?.n).toBe(IMAGES)
        if (way === 'a file')
          recordRate(
            `export of ${IMAGES} ${name} from ${engine}`,
            IMAGES,
            await measured(database, 'registry export'),
            GOALS.export,
          )
        await database.remove()
      }
    }
  },
)

test('memory does not grow with the number of images', { timeout: 1_800_000 }, async () => {
  const peaks: Record<string, number[]> = { import: [], export: [] }
  for (const images of [IMAGES, MORE * IMAGES]) {
    const path = join(folder.path, 'registry.ndjson')
    await writeRegistryFile(path, imagesOfOneObject(images))
    const { database, times } = await importInto('sqlite', path, 'a pipe')
    peaks.import?.push(times.peak)
    peaks.export?.push((await measured(database, 'registry export')).peak)
    await database.remove()
  }
  for (const [verb, [few = 0, many = 0]] of Object.entries(peaks)) {
    record({
      ...{ part: 'transfer', what: `memory of an ${verb} of ${MORE * IMAGES} images, compared with ${IMAGES}` },
      ...{
        figure: `${(many / few).toFixed(2)} × ${few.toFixed(0)} MiB`,
        goal: `≤ ${FLAT} ×`,
        isMet: many <= FLAT * few,
      },
    })
  }
  folder.remove()
})
