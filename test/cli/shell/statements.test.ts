import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestDatabase } from '../../support/databases/databases.ts'
import { ADD, newDatabaseWithObject, runThroughProxy } from '../../support/process/scripts.ts'

/* The statements that a line of the shell sends to the database, and no others. */

let database: TestDatabase
beforeAll(async () => {
  database = await newDatabaseWithObject('mariadb')
})
afterAll(() => database.remove())

/** Returns the statements of the last of three equal lines, without their values. */
async function statementsOfLine(line: string, tx: 'each' | 'bulk', first: RegExp): Promise<string[]> {
  const statements: string[] = []
  const { run } = await runThroughProxy(database, [line, line, line], ['-e', '--tx', tx], (_, sql) => {
    statements.push(sql)
    return 'pass'
  })
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const last = statements.slice(statements.findLastIndex((sql) => first.test(sql)))
  return last.map((sql) => sql.replace(/ (?:WHERE|\() ?.*$/s, ''))
}

/** Statements that add an image of an existing object. */
const ADDING = [
  'SELECT * FROM accounts',
  'SELECT * FROM backup_objects',
  'SELECT * FROM resource_labels',
  'SELECT backup_object_id, file_format FROM images',
  'INSERT INTO images',
  'INSERT INTO histories',
]

test('adds an image of an existing object in a transaction of six statements', async () => {
  expect(await statementsOfLine(ADD, 'each', /^BEGIN/)).toEqual(['BEGIN', ...ADDING, 'COMMIT'])
})

test('uses a savepoint instead of a transaction with --tx bulk', async () => {
  expect(await statementsOfLine(ADD, 'bulk', /^SAVEPOINT/)).toEqual(['SAVEPOINT part_1', ...ADDING, 'COMMIT'])
})

test('reads the image and its related rows back only to print them', async () => {
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
