import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import type { TestProject } from 'vitest/node'
import type { GoalRecord } from './goals.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the file with the results of this run, one per line. */
    goals: string
  }
}

/** Global set-up for benchmarks: prints all results in one table at the end. */
export default function setup({ provide }: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'vdc-manage-bench-'))
  const path = join(folder, 'goals')
  writeFileSync(path, '')
  provide('goals', path)
  return () => {
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
    rmSync(folder, { recursive: true, force: true })
    const table = new Table({ head: ['PART', 'WHAT', 'MEASURED', 'GOAL', 'MET'], style: { head: [], border: [] } })
    for (const line of lines) {
      const { part, what, figure, goal, isMet } = JSON.parse(line) as GoalRecord
      table.push([part, what, figure, goal, isMet ? 'yes' : 'NO'])
    }
    if (lines.length > 0) console.log(`\n${table}`)
  }
}
