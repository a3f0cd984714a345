/*
 * Prints the paths that `npm run test:changed` passes to vitest, one per line: the files that have
 * changed since the branch left main, or since the given commit, and the test files that run changed
 * code in a process, which imports do not show.
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

/** Returns the tests of a file: for a command, those that name it; for others, those in the same folder of test/. */
function testsOf(path) {
  const [top, ...rest] = path.replace(/\.ts$/, '').split('/')
  if (top !== 'src') return []
  if (rest[0] === 'commands') {
    const words = new RegExp(`\\b${rest.slice(1).join("[', ]+")}\\b`)
    return tests.filter((test) => words.test(readFileSync(test, 'utf8')))
  }
  let folder = dirname(join('test', ...rest))
  while (!existsSync(folder)) folder = dirname(folder)
  // The tests of a module directly in src/ start with its name.
  if (folder === 'test') return tests.filter((test) => basename(test).startsWith(rest.at(-1)))
  return tests.filter((test) => test.startsWith(`${folder}/`))
}

const existing = changed.filter((path) => /^(?:src|migrations|test)\/.*\.ts$/.test(path) && existsSync(path))
for (const path of new Set([...existing, ...changed.flatMap(testsOf)])) console.log(path)
