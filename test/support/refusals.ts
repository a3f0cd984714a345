import { expect } from 'vitest'
import { vdcManage } from './cli.ts'
import { allRows, type TestDatabase } from './databases.ts'

/** What a command that is refused says, and how it ends. */
export interface Refusal {
  exit: number
  message: string | RegExp
  hint?: string
}

/** Runs a command that must be refused: with one message and its exit code, nothing on stdout and no row written. */
export async function expectRefused(database: TestDatabase, args: string[], refusal: Refusal): Promise<void> {
  const before = await allRows(database)
  const run = await vdcManage(args, { database })
  expect(run).toMatchObject({ code: refusal.exit, stdout: '' })
  const [error = '', hint, ...rest] = run.stderr
    .split('\n')
    .filter((line) => line !== '' && !/^(?:Warning: |Nothing is given)/.test(line))
  expect(error).toMatch(/^Error: /)
  if (typeof refusal.message === 'string') expect(error).toContain(refusal.message)
  else expect(error).toMatch(refusal.message)
  if (refusal.hint !== undefined) expect(hint).toContain(refusal.hint)
  expect(rest).toEqual([])
  expect(await allRows(database)).toEqual(before)
}
