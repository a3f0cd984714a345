import { createRequire } from 'node:module'
import { afterEach, expect, test } from 'vitest'
import { currentTarget } from '../../../src/db/sqlite/target.ts'

const ofLibsql = createRequire(createRequire(import.meta.url).resolve('libsql'))
const LOADER = '@neon-rs/load'
const { currentTarget: theirs } = ofLibsql(LOADER) as { currentTarget: () => string }

const { arch, platform } = process
afterEach(() => Object.defineProperties(process, { arch: { value: arch }, platform: { value: platform } }))

test.each([
  [platform, arch],
  ['linux', 'arm64'],
  ['linux', 'arm'],
  ['darwin', 'arm64'],
  ['darwin', 'x64'],
  ['win32', 'x64'],
])('finds the same binary of libsql as its own loader on %s, %s', (platform, arch) => {
  Object.defineProperties(process, { arch: { value: arch }, platform: { value: platform } })
  expect(currentTarget()).toBe(theirs())
})
