#!/bin/sh
':' //; { true 3>&1; } 2>&- || export VDC_MANAGE_STDOUT=closed; export VDC_MANAGE_SIGHUP=ignored; trap 'VDC_MANAGE_SIGHUP=ends' HUP; kill -HUP $$; trap - HUP; exec node --min-semi-space-size=8 --max-semi-space-size=8 "$0" "$@"
// For sh the line above is a command. Node would take a closed stdout for
// /dev/null, and an id that is written there would be lost without a word. And
// Node gives all signals their default actions when it starts, so that nohup has
// no effect on it: a shell cannot trap a signal that it was started to ignore.
// With 8 MiB for new objects instead of 16, lists of any length fit into 100 MiB and
// are as fast (docs/decisions/0017-lists-read-what-they-show.md). With all of them from
// the start, most commands end before anything has to be collected.

// From the start, as loading takes a while.
if (process.env.VDC_MANAGE_SIGHUP === 'ignored') process.on('SIGHUP', () => {})

// A library asks the password database for it while it loads, which does not know every user of a container.
if (process.env.HOME === undefined) {
  try {
    require('node:os').homedir()
  } catch {
    process.env.HOME = ''
  }
}

// oclif's help asks FORCE_COLOR alone.
const { CLICOLOR_FORCE } = process.env
if (CLICOLOR_FORCE && CLICOLOR_FORCE !== '0') process.env.FORCE_COLOR ??= '1'

const { dirname, join } = require('node:path')
const { loadWithCode } = require('./code-cache.js')

const root = dirname(__dirname)
const { main, answerCompletion } = loadWithCode(join(root, 'dist/program.cjs'))
const [word, ...rest] = process.argv.slice(2)
// A shell asks this while somebody types, so it loads less than commands do.
if (word === 'complete' && rest[1] === '--') answerCompletion(rest, root)
else main(process.argv.slice(2), root)
