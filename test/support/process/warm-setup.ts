import type { TestProject } from 'vitest/node'
import { ROOT } from './cli.ts'
import { startWarmPrograms } from './warm.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether there are warm processes. Benchmarks have none, and start a process for each command. */
    hasWarmPrograms?: true
  }
}

/** The global set-up of vitest for tests: a warm process for each worker. */
export default function setup(project: TestProject) {
  project.provide('hasWarmPrograms', true)
  return startWarmPrograms(ROOT, project.getProvidedContext().folder, project.config.maxWorkers)
}
