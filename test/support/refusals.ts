import { expect } from 'vitest'
import { printable } from '../../src/cli/terminal/escape.ts'
import { allRows, type TestDatabase } from './databases/databases.ts'
import { vdcManage } from './process/cli.ts'

/** The error and exit code of a refused command. */
export interface Refusal {
  exit: number
  message: string | RegExp
  hint?: string | RegExp
}

/**
 * Runs a command that must fail with this error and exit code, print nothing else to stdout,
 * and write no rows.
 */
export async function expectRefused(database: TestDatabase, args: string[], refusal: Refusal): Promise<void> {
  const before = await allRows(database)
  const run = await vdcManage([...args, '--json'], { database })
  const { error, ...rest } = JSON.parse(run.stdout)
  expect(error).toMatchObject({ exit: refusal.exit })
  const message = printable(`Error: ${error.message}`)
  if (typeof refusal.message === 'string') expect(message).toContain(refusal.message)
  else expect(message).toMatch(refusal.message)
  if (refusal.hint instanceof RegExp) expect(printable(error.hint)).toMatch(refusal.hint)
  else if (refusal.hint !== undefined) expect(printable(error.hint)).toContain(refusal.hint)
  expect(rest).toEqual({})
  const notes = run.stderr.split('\n').filter((line) => !/^(?:|Warning: .*|Nothing to change: .*)$/.test(line))
  expect(notes).toEqual([])
  expect(await allRows(database)).toEqual(before)
}
