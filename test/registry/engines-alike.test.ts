import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { VdcError } from '../../src/core/errors.ts'
import { openRegistry } from '../../src/registry/open.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { exportRegistry } from '../../src/registry/transfer/export.ts'
import { importRegistry } from '../../src/registry/transfer/import.ts'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { nastyFile, nastyId, nastyText, SIZES, twinOf } from '../support/databases/nasty-registry.ts'
import { newWakame, REGISTRY_TABLES } from '../support/databases/wakame.ts'
import { pick, type Random, randomFrom } from '../support/finding/finding.ts'
import { runLines, vdcManage } from '../support/process/cli.ts'

/*
 * SQLite and MariaDB accept the same values, also after an export and an import
 * in both directions, and refuse the others with the same errors. To repeat or
 * lengthen a run: ENGINES_SEED=7 ENGINES_ROUNDS=500 npm test -- test/registry/engines-alike.test.ts
 */

const SEED = Number(process.env.ENGINES_SEED ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = Number(process.env.ENGINES_ROUNDS ?? 50)
const COMMANDS = 120

let databases: TestDatabase[]
let registries: Registry[]
beforeAll(async () => {
  databases = [
    await newDatabase('sqlite'),
    await newDatabase('mariadb'),
    await newDatabase('sqlite'),
    await newDatabase('mariadb'),
    await newWakame(inject('mariadb').port),
  ]
  const open = ({ uri }: TestDatabase) => openRegistry(parseDatabaseUri(uri, 'the test'))
  registries = await Promise.all(databases.map(open))
})
afterAll(async () => {
  for (const registry of registries) await registry.close()
  for (const database of databases) await database.remove()
})

/** Deletes all rows but the system accounts. */
async function empty(database: TestDatabase): Promise<void> {
  for (const table of REGISTRY_TABLES)
    await database.query(
      `DELETE FROM ${table}${table === 'accounts' ? " WHERE uuid NOT IN ('00000000', 'shpoolxx')" : ''}`,
    )
}

/** Imports a file. Returns the summary, the conflicts, or the error. */
async function imported(registry: Registry, file: string): Promise<unknown> {
  try {
    const outcome = await importRegistry(registry, Readable.from([Buffer.from(file)]))
    return 'conflicts' in outcome ? outcome.conflicts : { summary: outcome }
  } catch (error) {
    if (error instanceof VdcError) return { code: error.code, message: error.message }
    throw error
  }
}

const isDone = (outcome: unknown) => outcome !== null && typeof outcome === 'object' && 'summary' in outcome

/** Returns the exported rows without times of system accounts. `progress` is rounded, because engines store different digits. */
async function exported(registry: Registry): Promise<string[]> {
  return (await rawExport(registry))
    .split('\n')
    .slice(1, -1)
    .map((line) =>
      line.replace(/"progress":[^,]*/, (digits) => `"progress":${Number(digits.slice(11)).toPrecision(6)}`),
    )
    .map((line) =>
      /"uuid":"a-(00000000|shpoolxx)"/.test(line) ? line.replaceAll(/"[\d-]+T[\d:]+Z"/g, '"THEN"') : line,
    )
}

async function rawExport(registry: Registry): Promise<string> {
  const lines: string[] = []
  await exportRegistry(registry, async (some) => void lines.push(some))
  return lines.join('')
}

test(
  `engines agree on registry files (seed ${SEED})`,
  async () => {
    let taken = 0
    // With fewer accepted files, the test would show little, so chance may ask for more rounds.
    const wanted = ROUNDS / 5
    for (let round = 0; round < ROUNDS || (taken <= wanted && round < 5 * ROUNDS); round++) {
      const file = nastyFile(randomFrom(SEED + round))
      const what = { seed: SEED + round }
      await Promise.all(databases.map(empty))
      const [sqlite, mariadb, otherSqlite, otherMariadb, wakame] = registries as [
        Registry,
        Registry,
        Registry,
        Registry,
        Registry,
      ]
      const outcome = await imported(sqlite, file)
      expect({ ...what, outcome: await imported(mariadb, file) }).toEqual({ ...what, outcome })
      if (/[\u{10000}-\u{10ffff}]/u.test(file))
        expect({ ...what, isDone: isDone(await imported(wakame, file)) }).toEqual({ ...what, isDone: false })
      else expect({ ...what, outcome: await imported(wakame, file) }).toEqual({ ...what, outcome })
      const rows = await exported(sqlite)
      expect({ ...what, rows: await exported(mariadb) }).toEqual({ ...what, rows })
      if (!isDone(outcome)) continue
      taken++
      // Each engine imports the export of the other, and then has the same rows.
      for (const [from, to] of [
        [sqlite, otherMariadb],
        [mariadb, otherSqlite],
      ] as const) {
        const moved = await rawExport(from)
        expect({ ...what, outcome: await imported(to, moved) }).toMatchObject({ ...what, outcome: { summary: {} } })
        expect({ ...what, rows: await exported(to) }).toEqual({ ...what, rows })
        // Importing it again adds nothing.
        expect(JSON.stringify(await imported(to, moved))).not.toMatch(/"added":[1-9]/)
      }
    }
    expect(taken).toBeGreaterThan(wanted)
  },
  300_000 + ROUNDS * 2000,
)

/**
 * Returns the words of a random command.
 *
 * @param names the label names used so far. New ones are added.
 */
function nastyCommand(random: Random, names: string[]): string[] {
  const text = () => nastyText(random)
  const image = () => nastyId(random, 'wmi-')
  const value = (option: string, value = text()) => `--${option}=${value}`
  // A leading dash would make it an option.
  const labelName = () => {
    const name = random() < 0.7 && names.length > 0 ? twinOf(random, pick(random, names)) : text()
    names.push(name)
    return name.replace(/^-/, '_')
  }
  const label = () => `${labelName()}${random() < 0.2 ? '-' : `=${text()}`}`
  const size = () => pick(random, SIZES)
  return pick<() => string[]>(random, [
    () => ['account', 'add', '--uuid', nastyId(random, 'a-'), value('description')],
    () => ['account', 'del', nastyId(random, 'a-')],
    () => [
      ...['backupstorage', 'add', '--uuid', nastyId(random, 'bkst-'), value('display-name')],
      ...['--storage-type', 'local', value('base-uri', pick(random, ['file:///srv/', `file:///${text()}/`]))],
    ],
    () => [
      ...['backupobject', 'add', '--uuid', nastyId(random, 'bo-'), value('display-name'), '--storage-id', 'bkst-s'],
      ...[value('object-key', pick(random, ['k', text()])), '--size', size(), '--allocation-size', size()],
      ...['--checksum', '0'.repeat(32), value('description')],
    ],
    () => ['backupobject', 'modify', nastyId(random, 'bo-'), value('display-name'), '--size', size()],
    () => [
      ...['image', 'add', 'local', 'bo-s', '--account-id', 'a-s', '--uuid', image(), value('display-name')],
      ...[value('description'), '--state', pick(random, ['pending', 'available'])],
    ],
    () => ['image', 'modify', image(), value('display-name'), value('instance-model-name')],
    () => ['image', 'label', image(), label(), label()],
    ...Array.from({ length: 5 }, () => () => ['image', 'label', 'wmi-s', label()]),
    () => ['image', 'label', 'wmi-s', label(), label(), label()],
    () => ['image', 'del', image()],
    () => ['image', 'undelete', image()],
    () => ['image', 'purge', image(), '--older-than', '0s', '--yes'],
  ])()
}

test(`engines agree on commands (seed ${SEED})`, async () => {
  const [sqlite, mariadb, otherSqlite, otherMariadb] = registries as [Registry, Registry, Registry, Registry]
  await Promise.all(databases.map(empty))
  const two = databases.slice(0, 2) as [TestDatabase, TestDatabase]
  for (const database of two) {
    await runLines(
      [
        'account add --uuid a-s',
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///s/ --storage-type local',
        `backupobject add --uuid bo-s --display-name s --storage-id bkst-s --object-key s --size 1 --checksum ${'0'.repeat(32)}`,
        'image add local bo-s --account-id a-s --uuid s',
      ],
      { database },
    )
  }
  const random = randomFrom(SEED)
  const names: string[] = []
  let done = 0
  const wanted = COMMANDS / 5
  for (let index = 0; index < COMMANDS || (done <= wanted && index < 5 * COMMANDS); index++) {
    const words = nastyCommand(random, names)
    const runOn = async (database: TestDatabase) => {
      const { code, stdout, stderr } = await vdcManage([...words, '--json'], { database })
      const { error } = code === 0 ? { error: undefined } : JSON.parse(stdout)
      return { seed: SEED, words, code, error, stderr: stderr.replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'THEN') }
    }
    const [one, other] = [await runOn(two[0]), await runOn(two[1])]
    const timeless = (run: typeof one) => JSON.parse(JSON.stringify(run).replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'THEN'))
    expect(timeless(other)).toEqual(timeless(one))
    if (one?.code === 0) done++
  }
  expect(done).toBeGreaterThan(wanted)
  const timeless = (lines: string[]) => lines.map((line) => line.replaceAll(/"[\d-]+T[\d:]+Z"/g, '"THEN"'))
  const rows = timeless(await exported(sqlite))
  expect({ seed: SEED, rows: timeless(await exported(mariadb)) }).toEqual({ seed: SEED, rows })
  for (const [from, to] of [
    [sqlite, otherMariadb],
    [mariadb, otherSqlite],
  ] as const) {
    expect({ seed: SEED, outcome: await imported(to, await rawExport(from)) }).toMatchObject({
      outcome: { summary: {} },
    })
    expect({ seed: SEED, rows: timeless(await exported(to)) }).toEqual({ seed: SEED, rows })
  }
})
