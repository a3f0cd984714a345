import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/process/longest-first.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/process/setup.ts', 'test/support/process/warm-setup.ts'],
    // Allow for slow or busy machines.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // More than the two cores, because some tests wait, for example for a server to start.
    maxWorkers: 4,
    // Starting a process takes longer the more memory a worker uses: 1 ms with 50 MB, 8 to 16 with 250 MB.
    execArgv: ['--max-semi-space-size=4'],
    // Of concurrent tests in a file. Guests have time limits of their own, so too many of them at once would fail.
    maxConcurrency: 2,
    // Separate processes for 140 files would load the same modules each time.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
})
