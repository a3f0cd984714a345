#!/bin/sh
':' //; { true 3>&1; } 2>/dev/null || export VDC_MANAGE_STDOUT=closed; export VDC_MANAGE_SIGHUP=ignored; trap 'VDC_MANAGE_SIGHUP=ends' HUP; kill -HUP $$; trap - HUP; exec node --max-semi-space-size=8 "$0" "$@"
// For sh the line above is a command. Node would take a closed stdout for
// /dev/null, and an id that is written there would be lost without a word. And
// Node gives all signals their default actions when it starts, so that nohup has
// no effect on it: a shell cannot trap a signal that it was started to ignore.
// With 8 MiB for new objects instead of 16, a list of whatever length fits into
// 100 MiB, as fast as before.

// From now on, and not only when all is loaded.
if (process.env.VDC_MANAGE_SIGHUP === 'ignored') process.on('SIGHUP', () => {})

// oclif's help asks FORCE_COLOR alone.
const { CLICOLOR_FORCE } = process.env
if (CLICOLOR_FORCE && CLICOLOR_FORCE !== '0') process.env.FORCE_COLOR ??= '1'

const { dirname, join } = require('node:path')
const { loadWithCode } = require('./code-cache.js')

const root = dirname(__dirname)
const { main, answerCompletion } = loadWithCode(join(root, 'dist/program.cjs'))
const [word, ...rest] = process.argv.slice(2)
// Asked by a shell while somebody types, for whom all that the program loads would take too long.
if (word === 'complete' && rest[1] === '--') answerCompletion(rest, root)
else main(process.argv.slice(2), root)
