import type { TestProject } from 'vitest/node'
import { ROOT } from './cli.ts'
import { startWarmPrograms } from './warm.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether there are warm processes; benchmarks have none, and start one for each command. */
    hasWarmPrograms?: true
  }
}

/** vitest's global set-up for tests: a warm process for each worker. */
export default function setup(project: TestProject) {
  project.provide('hasWarmPrograms', true)
  return startWarmPrograms(ROOT, project.getProvidedContext().folder, project.config.maxWorkers)
}
