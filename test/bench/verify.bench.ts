import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { wholeRegistry, writeRegistryFile } from '../support/databases/registry-lines.ts'
import { newFolder } from '../support/files/images.ts'
import { vdcManage } from '../support/process/cli.ts'
import { record } from './support/goals.ts'

const FEW = 1_000
const MANY = 10_000
/** The fewest objects per statement: those of a batch, less what the statements before and after need. */
const OBJECTS_PER_STATEMENT = 25

/** Returns the number of statements that a command sends to the server, from its general log. */
async function statementsOf(database: TestDatabase, command: string[], exits: number[]): Promise<number> {
  await database.query("SET GLOBAL log_output = 'TABLE'")
  await database.query('TRUNCATE mysql.general_log')
  await database.query('SET GLOBAL general_log = 1')
  const run = await vdcManage(command, { database })
  await database.query('SET GLOBAL general_log = 0')
  expect(exits).toContain(run.code)
  const [row] = await database.query(
    "SELECT COUNT(*) AS n FROM mysql.general_log WHERE command_type IN ('Query', 'Execute') AND thread_id <> CONNECTION_ID()",
  )
  return Number(row?.n)
}

test(`statements of verify and orphans for ${MANY} objects`, async () => {
  const folder = newFolder()
  const counts: Record<string, number[]> = { 'verify --all --quick': [], orphans: [] }
  for (const objects of [FEW, MANY]) {
    const database = await newDatabase('mariadb')
    const path = join(folder.path, 'registry.ndjson')
    await writeRegistryFile(path, wholeRegistry(objects, `file://${folder.path}/`))
    await vdcManage(['registry', 'import', path], { database, reject: true })
    for (const [command, numbers] of Object.entries(counts))
      numbers.push(await statementsOf(database, ['image', ...command.split(' ')], [0, 8, 9]))
    await database.remove()
  }
  for (const [command, [few = 0, many = 0]] of Object.entries(counts)) {
    const more = (MANY - FEW) / (many - few)
    record({
      ...{ part: 'verify', what: `image ${command}: statements for ${MANY} objects` },
      ...{ figure: `${many} (${few} for ${FEW}): one for ${more.toFixed(0)} objects` },
      ...{ goal: `one for ≥ ${OBJECTS_PER_STATEMENT} objects`, isMet: more >= OBJECTS_PER_STATEMENT },
    })
  }
  folder.remove()
})
