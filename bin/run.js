#!/bin/sh
':' //; { true 3>&1; } 2>&- || export VDC_MANAGE_STDOUT=closed; export VDC_MANAGE_SIGHUP=ignored; trap 'VDC_MANAGE_SIGHUP=ends' HUP; kill -HUP $$; trap - HUP; exec node --min-semi-space-size=8 --max-semi-space-size=8 --no-allocation-site-pretenuring "$0" "$@"
// To sh, the line above is a command; to Node, a string and a comment. It detects two states that
// Node hides. Node replaces a closed stdout by /dev/null, where a new ID would be lost without an
// error. And Node resets ignored signals when it starts, so that nohup would have no effect: the
// line sends itself SIGHUP, which a shell cannot trap if it was started with SIGHUP ignored.
// With 8 MiB for new objects instead of 16, lists of any length fit into 100 MiB and are as fast
// (docs/decisions/0017-list-columns.md). With all of it from the start, most commands
// end before the first garbage collection. Without pretenuring, V8 never takes rows for objects that last.

// At once, because loading takes a while.
if (process.env.VDC_MANAGE_SIGHUP === 'ignored') process.on('SIGHUP', () => {})

// A library looks up the home folder while it loads, and the user database of a container may not have this user.
if (process.env.HOME === undefined) {
  try {
    require('node:os').homedir()
  } catch {
    process.env.HOME = ''
  }
}

// oclif's help honours only FORCE_COLOR.
const { CLICOLOR_FORCE } = process.env
if (CLICOLOR_FORCE && CLICOLOR_FORCE !== '0') process.env.FORCE_COLOR ??= '1'

const { dirname, join } = require('node:path')
const { loadWithCode } = require('./code-cache.js')

const root = dirname(__dirname)
const { main, answerCompletion } = loadWithCode(join(root, 'dist/program.cjs'))
const [word, ...rest] = process.argv.slice(2)
// Completion runs while the user types, so it loads less than commands do.
if (word === 'complete' && rest[1] === '--') answerCompletion(rest, root)
else main(process.argv.slice(2), root)
