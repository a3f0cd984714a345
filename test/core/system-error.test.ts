import { expect, test } from 'vitest'
import { systemError } from '../../src/core/system-error.ts'

test.each([
  ['ECONNREFUSED', 'connection refused (ECONNREFUSED)'],
  ['ENOSPC', 'no space left on device (ENOSPC)'],
  ['ENOTFOUND', 'host not found (ENOTFOUND)'],
  ['ESOMETHING', 'ESOMETHING'],
  [undefined, 'undefined'],
])('%s in words', (code, words) => {
  expect(systemError(code)).toBe(words)
})
