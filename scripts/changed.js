/*
 * Prints what `npm run test:changed` hands to vitest, one path a line: the files
 * that changed since the branch left main, or since the commit that is named, and
 * the test files that run what changed as a process, which no import shows.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean)
const since = process.argv[2] ?? git('merge-base', 'HEAD', 'main')[0]
const changed = [...git('diff', '--name-only', since), ...git('ls-files', '--others', '--exclude-standard')]

const tests = readdirSync('test', { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))

/** Of a command the tests that name it, of another module those in the folder of its name below test/. */
function testsOf(path) {
  const [top, ...rest] = path.replace(/\.ts$/, '').split('/')
  if (top !== 'src') return []
  if (rest[0] === 'commands') {
    const words = new RegExp(`\\b${rest.slice(1).join("[', ]+")}\\b`)
    return tests.filter((test) => words.test(readFileSync(test, 'utf8')))
  }
  let folder = dirname(join('test', ...rest))
  while (!existsSync(folder)) folder = dirname(folder)
  // Directly below src/, a module's tests have its name.
  if (folder === 'test') return tests.filter((test) => basename(test).startsWith(rest.at(-1)))
  return tests.filter((test) => test.startsWith(`${folder}/`))
}

const existing = changed.filter((path) => /^(?:src|migrations|test)\/.*\.ts$/.test(path) && existsSync(path))
for (const path of new Set([...existing, ...changed.flatMap(testsOf)])) console.log(path)
