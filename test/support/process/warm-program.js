import fs, { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { Script } from 'node:vm'

/*
 * Loads the program once, and runs many commands: node warm-program.js ROOT SOCKET.
 * Each request is a line of JSON with args, env, cwd, input and isFresh. It runs the program as
 * bin/run.js does, and returns its exit code, stdout and stderr. What a process sets up only
 * once is kept: file descriptors, and for most commands modules, with their state and the values
 * that they read from the environment while they loaded. test/support/process/cli.ts decides which
 * commands get fresh modules, and which need their own process.
 */

const [root, socket] = process.argv.slice(2)
const path = join(root, 'dist/program.cjs')
const script = new Script(`(function(exports,require,module,__filename,__dirname){${readFileSync(path)}\n})`, {
  filename: path,
})
shareManifest()
const kept = load()
const home = process.cwd()
const { exit } = process
const STREAMS = ['stdout', 'stderr']
/** The events that the program listens to until its process ends. */
const LISTENED = ['SIGHUP', 'SIGINT', 'SIGTERM', 'uncaughtException', 'exit']

/** Thrown instead of ending the process, so that no more code runs. */
class Exit extends Error {}

let ended = () => {}
process.exit = (code = process.exitCode ?? 0) => {
  ended(code)
  throw new Exit()
}
// The parent process has ended.
process.on('disconnect', () => exit())
process.on('unhandledRejection', (error) => {
  if (!(error instanceof Exit)) throw error
})

/** Reads the manifest once. To read and parse it again takes a quarter of the time of a short command. */
function shareManifest() {
  const { parse } = JSON
  const manifest = join(root, 'oclif.manifest.json')
  const text = readFileSync(manifest, 'utf8')
  // No command can change it for the next one.
  const value = parse(text, (_, part) => Object.freeze(part))
  fs.readFileSync = (path, ...options) => (path === manifest ? text : readFileSync(path, ...options))
  JSON.parse = (json, ...options) => (json === text ? value : parse(json, ...options))
}

/** Loads the modules of the program. They share only compiled code with those loaded before. */
function load() {
  const module = { exports: {} }
  script.runInThisContext()(module.exports, createRequire(path), module, path, dirname(path))
  return module.exports
}

/** Runs one command as a new process would. */
async function run({ args, env, cwd, input = '', isFresh }) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd ?? home)
  process.exitCode = undefined
  const stdin = Readable.from([Buffer.from(input, 'base64')], { objectMode: false })
  Object.defineProperty(process, 'stdin', { value: stdin, configurable: true })
  const listeners = new Map(LISTENED.map((event) => [event, process.listeners(event)]))
  const written = { stdout: [], stderr: [] }
  for (const name of STREAMS) {
    process[name].write = (text, encoding, done = encoding) => {
      written[name].push(Buffer.from(text))
      if (typeof done === 'function') process.nextTick(done)
      return true
    }
  }
  try {
    const code = await new Promise((resolve, reject) => {
      ended = resolve
      const { main, answerCompletion } = isFresh ? load() : kept
      const [word, ...rest] = args
      const ending = word === 'complete' && rest[1] === '--' ? answerCompletion(rest, root) : main(args, root)
      ending.catch((error) => error instanceof Exit || reject(error))
    })
    const [stdout, stderr] = STREAMS.map((name) => Buffer.concat(written[name]).toString())
    return { code, stdout, stderr }
  } finally {
    for (const name of STREAMS) delete process[name].write
    for (const [event, before] of listeners) {
      for (const listener of process.listeners(event)) if (!before.includes(listener)) process.off(event, listener)
    }
    process.chdir(home)
  }
}

// An earlier process may have left its socket behind.
rmSync(socket, { force: true })
createServer((connection) => {
  let isRunning = false
  connection.on('error', () => {})
  // A process interrupted in a command is in an unknown state.
  connection.on('close', () => isRunning && exit(1))
  createInterface({ input: connection }).on('line', async (line) => {
    isRunning = true
    const answer = await run(JSON.parse(line))
    isRunning = false
    connection.write(`${JSON.stringify(answer)}\n`)
  })
}).listen(socket)
