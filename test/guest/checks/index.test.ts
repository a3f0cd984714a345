import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CHECK_NAMES, CHECKS, groupOf } from '../../../src/guest/checks/index.ts'
import { ROOT } from '../../support/process/cli.ts'

test('each check has its cases, an ID of its own, and texts that are sentences', () => {
  const folder = join(ROOT, 'test/guest/checks')
  const tests = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const tested = tests.flatMap((text) => [...text.matchAll(/^describeCheck\('([^']+)'/gm)].map(([, id]) => id))
  expect(tested.sort()).toEqual(CHECKS.map(({ id }) => id).sort())
  expect(new Set(CHECK_NAMES).size).toBe(CHECK_NAMES.length)
  for (const { id, requirement, remedy, prepare, prepares } of CHECKS) {
    expect(id).toMatch(/^[a-z]+\.[a-z-]+$/)
    expect(CHECK_NAMES).toContain(groupOf(id))
    expect(requirement).toMatch(/^(?:[A-Z]|cloud-init).*\.$/)
    expect(remedy).toMatch(/^[A-Z].*\.$/)
    expect(prepares ?? '').toMatch(prepare === undefined ? /^$/ : /^[A-Z].*\.$/)
  }
})

test('each file of a check is in the index', () => {
  const folder = join(ROOT, 'src/guest/checks')
  const index = readFileSync(join(folder, 'index.ts'), 'utf8')
  const shared = ['bytes/left-over.ts', 'secret/home-files.ts', 'ssh/installed.ts', 'check.ts', 'each.ts', 'index.ts']
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  for (const file of files.filter((name) => !shared.includes(name))) expect(index).toContain(`'./${file}'`)
})
