import { closeSync, copyFileSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countRows, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { environment, PROGRAM } from '../support/process/cli.ts'
import { record } from './support/goals.ts'
import { timesOf } from './support/times.ts'

/*
 * A folder of files registered by one command, compared with one command per file, on a registry of their own. Half
 * of the single commands run before and half after it, so that other work on this machine slows both down.
 */

const OWNER = ['--account-id', 'a-shpoolxx']
const MIB = 2 ** 20
/** The least times that one command must be faster for small files. */
const GOAL = 5

/** The folders to measure: the number of files, and the size of raw ones. */
const CASES = [
  { what: 'small qcow2 files', files: 200, bytes: 0, goal: GOAL },
  { what: 'raw files of 16 MiB', files: 40, bytes: 16 * MIB, goal: 2 },
  { what: 'raw files of 256 MiB', files: 8, bytes: 256 * MIB, goal: 1 },
]

/** Writes a file of random bytes. */
function writeRandom(path: string, size: number): void {
  const [from, to] = [openSync('/dev/urandom', 'r'), openSync(path, 'w')]
  const piece = Buffer.alloc(MIB)
  for (let written = 0; written < size; ) written += writeSync(to, piece, 0, readSync(from, piece))
  for (const fd of [from, to]) closeSync(fd)
}

const newRegistry = async (): Promise<TestDatabase> => {
  const database = await newDatabase('sqlite')
  await timesOf([PROGRAM, 'image', 'list'], environment({ database }))
  return database
}

test.each(CASES)('$what', { timeout: 1_800_000 }, async ({ what, files, bytes, goal }) => {
  const folder = newFolder()
  const ending = bytes === 0 ? '.qcow2' : '.raw'
  const first = join(folder.path, `first${ending}`)
  if (bytes === 0) await makeImage(first, { size: '1G' })
  else writeRandom(first, bytes)
  const path = join(folder.path, 'images')
  mkdirSync(path)
  const names = Array.from({ length: files }, (_, at) => join(path, `${at}${ending}`))
  for (const name of names) copyFileSync(first, name)
  const [together, single] = [await newRegistry(), await newRegistry()]
  const add = [PROGRAM, 'image', 'add', 'local', ...OWNER]
  // A loop of the shell starts the commands with almost no time of its own.
  const oneByOne = (half: string[]) =>
    timesOf(
      ['sh', '-c', `for file; do ${add.join(' ')} "$file" || exit; done`, 'sh', ...half],
      environment({ database: single }),
    )
  const before = await oneByOne(names.slice(0, files / 2))
  const all = await timesOf([...add, '--recursive', path], environment({ database: together }))
  const after = await oneByOne(names.slice(files / 2))
  for (const database of [together, single]) {
    expect(await countRows(database)).toMatchObject({ images: files, backup_objects: files })
    await database.remove()
  }
  folder.remove()
  const [wall, processor] = (['wall', 'processor'] as const).map(
    (kind) => (before[kind] + after[kind]) / all[kind],
  ) as [number, number]
  const perFile = (milliseconds: number) => `${(milliseconds / files).toFixed(0)} ms`
  console.log(
    `${files} ${what}: one command ${perFile(all.wall)} per file, one command each ${perFile(before.wall + after.wall)}`,
  )
  record({
    part: 'many files',
    what: `image add local of ${files} ${what}, compared with one command each`,
    figure: `${wall.toFixed(1)} × wall time, ${processor.toFixed(1)} × processor time`,
    goal: `≥ ${goal} ×`,
    isMet: wall >= goal,
  })
})
