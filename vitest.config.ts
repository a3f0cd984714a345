import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/setup.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores, and every test runs processes of its own.
    maxWorkers: 2,
  },
})
