import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/bench/*.bench.ts'],
    globalSetup: ['test/support/process/setup.ts', 'test/bench/support/goals-table.ts'],
    testTimeout: 600_000,
    // One after the other, so that they do not affect each other's times.
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
})
