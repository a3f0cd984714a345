#!/bin/sh
':' //; { true 3>&1; } 2>/dev/null || export VDC_MANAGE_STDOUT=closed; exec node "$0" "$@"
// For sh the line above is a command: Node would take a closed stdout for
// /dev/null, and an id that is written there would be lost without a word.
import module from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// From Node 22 on, V8's compiled code is kept between runs, in a folder that
// only this user can write to: who can write there decides what we execute. So
// not below /tmp, as Node's default is, and for root not below a HOME that sudo
// may have kept (docs/decisions/0001-bundle.md).
const caches = process.geteuid?.() === 0 ? '/var/cache' : process.env.HOME && join(process.env.HOME, '.cache')
if (caches) module.enableCompileCache?.(join(caches, 'vdc-manage'))

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
