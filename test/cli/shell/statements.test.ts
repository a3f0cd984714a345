import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestDatabase } from '../../support/databases/databases.ts'
import { ADD, newDatabaseWithObject, runThroughProxy } from '../../support/process/scripts.ts'

/* What a line of the shell asks the database: the statements that it needs, and nothing else. */

let database: TestDatabase
beforeAll(async () => {
  database = await newDatabaseWithObject('mariadb')
})
afterAll(() => database.remove())

/** The statements of the last of three lines, without their values. */
async function statementsOfLine(line: string, tx: 'each' | 'bulk', first: RegExp): Promise<string[]> {
  const statements: string[] = []
  const { run } = await runThroughProxy(database, [line, line, line], ['-e', '--tx', tx], () => (_, sql) => {
    statements.push(sql)
    return 'pass'
  })
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const last = statements.slice(statements.findLastIndex((sql) => first.test(sql)))
  return last.map((sql) => sql.replace(/ (?:WHERE|\() ?.*$/s, ''))
}

/** What is looked at and written for an image of a known object. */
const ADDING = [
  'SELECT * FROM accounts',
  'SELECT * FROM backup_objects',
  'SELECT * FROM resource_labels',
  'SELECT backup_object_id, file_format FROM images',
  'INSERT INTO images',
  'INSERT INTO histories',
]

test('an image of a known object: a transaction of six statements', async () => {
  expect(await statementsOfLine(ADD, 'each', /^BEGIN/)).toEqual(['BEGIN', ...ADDING, 'COMMIT'])
})

test('with --tx bulk: a savepoint in place of the transaction', async () => {
  expect(await statementsOfLine(ADD, 'bulk', /^SAVEPOINT/)).toEqual(['SAVEPOINT part_1', ...ADDING, 'COMMIT'])
})

test('the image itself and what belongs to it are read back only where they are printed', async () => {
  const statements = await statementsOfLine(`${ADD} --json`, 'each', /^BEGIN/)
  expect(statements.slice(0, 7)).toEqual(['BEGIN', ...ADDING])
  expect(statements.slice(7)).toEqual([
    'SELECT * FROM images',
    'SELECT * FROM backup_objects',
    'SELECT * FROM backup_storages',
    'SELECT * FROM resource_labels',
    'COMMIT',
  ])
})
