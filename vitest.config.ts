import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/process/longest-first.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/process/setup.ts', 'test/support/process/warm-setup.ts'],
    // A busy or slow machine takes its time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // Two cores, and some that wait: for a server to start, or to be given up.
    maxWorkers: 4,
    // A process for each of 140 files would load the same modules each time.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
})
