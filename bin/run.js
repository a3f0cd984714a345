#!/bin/sh
':' //; { true 3>&1; } 2>/dev/null || export VDC_MANAGE_STDOUT=closed; export VDC_MANAGE_SIGHUP=ignored; trap 'VDC_MANAGE_SIGHUP=ends' HUP; kill -HUP $$; trap - HUP; exec node "$0" "$@"
// For sh the line above is a command. Node would take a closed stdout for
// /dev/null, and an id that is written there would be lost without a word. And
// Node gives all signals their default actions when it starts, so that nohup has
// no effect on it: a shell cannot trap a signal that it was started to ignore.
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// From now on, and not only when all is loaded.
if (process.env.VDC_MANAGE_SIGHUP === 'ignored') process.on('SIGHUP', () => {})

// From Node 22 on, V8's compiled code is kept between runs, in a folder that
// only this user can write to: whoever can write there decides what we execute. So
// not below /tmp, as Node's default is, and for root not below a HOME that sudo
// may have kept (docs/decisions/0001-bundle.md).
if (module.enableCompileCache) {
  const { HOME = '' } = process.env
  const user = process.geteuid?.()
  const caches = user === 0 ? '/var/cache' : join(HOME, '.cache')
  const folder = join(caches, 'vdc-manage')
  const isOurs = (path) => {
    const stats = lstatSync(path)
    return stats.isDirectory() && stats.uid === user && (stats.mode & 0o022) === 0
  }
  try {
    if (isAbsolute(caches) && (user === 0 || isOurs(HOME))) {
      // Node would make them with the mode that the umask leaves.
      for (const path of [caches, folder]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
      if (isOurs(caches) && isOurs(folder)) module.enableCompileCache(folder)
    }
  } catch {
    // Then it starts as on Node 20.
  }
}

// oclif asks the password database for these where they are not set, which does not know every user of a container.
process.env.SHELL ??= '/bin/sh'
try {
  homedir()
} catch {
  process.env.HOME = ''
}

// oclif's help asks FORCE_COLOR alone.
const { CLICOLOR_FORCE } = process.env
if (CLICOLOR_FORCE && CLICOLOR_FORCE !== '0') process.env.FORCE_COLOR ??= '1'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [word, ...rest] = process.argv.slice(2)
// Asked by a shell while somebody types, for whom all that the program loads would take too long.
if (word === 'complete' && rest[1] === '--') {
  const { answerCompletion } = await import('../dist/cli/completion/answer.js')
  await answerCompletion(rest, root)
}

const { main } = await import('../dist/cli/main.js')
await main(process.argv.slice(2), root)
