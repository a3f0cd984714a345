/*
 * Keeps V8's compiled code between runs, because compiling takes longer than everything else that
 * most commands do. There is one file per command, build and path of the program, version of Node and
 * Node's options, in a folder that only this user can write to (docs/decisions/0001-bundle.md).
 * Without such a folder or a valid file, the program runs without kept code.
 */
const fs = require('node:fs')
const { dirname, isAbsolute, join } = require('node:path')
const { Script } = require('node:vm')
// Since Node 20.15; without it, no code is kept.
const { crc32 } = require('node:zlib')

/** Bytes before the code in a file: JSON with the file's name, the parts in the code and a checksum, padded with spaces. */
const HEADER = 4096
/** Bytes of the largest file. The code of all commands would take a sixth of this. */
const LARGEST = 16 * 2 ** 20
/** Milliseconds after which files of other builds are removed. */
const OTHERS_STAY = 3_600_000
/** The most files: one per command and topic, and more. A script may give Node different options each time. */
const MOST_FILES = 100
/** Milliseconds after which a run is long. */
const LONG = 500
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants

/**
 * Loads a CommonJS module with the code that is kept for it. If the process succeeds and has used
 * parts that are not in the kept code, the code is written again at its end, including what this run
 * has compiled, unless it is smaller than before.
 *
 * @param path of a module that begins with a comment with its SHA-256 (rolldown.config.ts)
 *   and exports `usedParts`, the set of the parts that a run has used.
 */
exports.loadWithCode = (path) => {
  const source = fs.readFileSync(path, 'latin1')
  // Loading code takes time even if it does not run, so each command has its own file.
  const words = process.argv.slice(2, 4).filter((word) => /^[a-z]+$/.test(word))
  // V8 accepts only code that was compiled with the same options, and the code names the path in stack traces.
  const setting = crc32?.(JSON.stringify([path, process.execArgv, process.env.NODE_OPTIONS, words])).toString(16)
  const of = `${source.slice(3, 67)}-${process.version}-${process.arch}-${setting}`
  const kept = readCode(of)
  const script = new Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
    filename: path,
    cachedData: kept?.code,
  })
  const module = { exports: {} }
  script.runInThisContext()(module.exports, require, module, path, dirname(path))
  const valid = script.cachedDataRejected ? undefined : kept
  const known = new Set(valid?.parts)
  const partsByNow = () => new Set([...known, ...module.exports.usedParts])
  // In a long run, V8 drops the code of functions that it no longer uses, such as those of the start.
  let early
  const takeEarly = () => {
    if (partsByNow().size > known.size) early = script.createCachedData()
  }
  setTimeout(takeEarly, LONG).unref()
  process.on('exit', (exitCode) => {
    const parts = partsByNow()
    if (exitCode !== 0 || parts.size === known.size) return
    const late = script.createCachedData()
    const code = early?.length > late.length ? early : late
    if (code.length >= (valid?.code.length ?? 0)) writeCode(of, [...parts], code)
  })
  return module.exports
}

/**
 * The folder to keep code in.
 *
 * @param options.make create it if it does not exist.
 * @throws Error if it does not exist, cannot be created, or others could write to it.
 */
function ownFolder({ make }) {
  const { HOME = '' } = process.env
  const user = process.geteuid()
  const checkOurs = (path) => {
    const stats = fs.lstatSync(path)
    if (!stats.isDirectory() || stats.uid !== user || (stats.mode & 0o022) !== 0) throw new Error(`${path} is not ours`)
  }
  // sudo may have kept another user's HOME. Anybody could create a folder below /tmp.
  const caches = user === 0 ? '/var/cache' : join(HOME, '.cache')
  if (!isAbsolute(caches)) throw new Error('HOME is not absolute')
  if (user !== 0) checkOurs(HOME)
  const folder = join(caches, 'vdc-manage')
  for (const path of [caches, folder]) {
    if (make && !fs.existsSync(path)) fs.mkdirSync(path, { mode: 0o700 })
    checkOurs(path)
  }
  return folder
}

/** A checksum of everything in a file. V8 has none, and crashes on damaged code. */
function sumOf(of, parts, code) {
  return crc32(code, crc32(JSON.stringify([of, parts])))
}

/**
 * Reads the kept code, and which parts of the program are in it.
 *
 * @returns undefined if there is none, or it is not intact.
 */
function readCode(of) {
  let file
  try {
    // O_NONBLOCK, because opening a named pipe would wait for a writer.
    file = fs.openSync(join(ownFolder({ make: false }), of), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const stats = fs.fstatSync(file)
    if (!stats.isFile() || stats.uid !== process.geteuid() || (stats.mode & 0o022) !== 0 || stats.size > LARGEST)
      return undefined
    const bytes = fs.readFileSync(file)
    const { sum, parts } = JSON.parse(bytes.toString('latin1', 0, HEADER))
    const code = bytes.subarray(HEADER)
    return sum === sumOf(of, parts, code) ? { code, parts } : undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) fs.closeSync(file)
  }
}

/** Replaces the file atomically, and removes files that are no longer needed. */
function writeCode(of, parts, code) {
  let draft
  try {
    const folder = ownFolder({ make: true })
    const header = Buffer.from(JSON.stringify({ of, sum: sumOf(of, parts, code), parts }).padEnd(HEADER))
    if (header.length > HEADER || header.length + code.length > LARGEST) return
    // In a container, a run may have the process ID of one that was killed.
    const path = join(folder, `${process.pid}.${Date.now()}.${of}`)
    const file = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    draft = path
    try {
      for (const bytes of [header, code]) fs.writeFileSync(file, bytes)
    } finally {
      fs.closeSync(file)
    }
    fs.renameSync(draft, join(folder, of))
    draft = undefined
    removeOthers(folder, of)
  } catch {
    // For example, the disk is full, or another process did the same. The next run tries again.
    if (draft !== undefined) fs.rmSync(draft, { force: true })
  }
}

/** Removes files of other builds that are old or dated in the future, and the oldest of all but `of` if there are too many. */
function removeOthers(folder, of) {
  const now = Date.now()
  const build = of.slice(0, 64)
  const others = fs
    .readdirSync(folder)
    .map((name) => ({ name, stats: fs.lstatSync(join(folder, name), { throwIfNoEntry: false }) }))
    .filter(({ name, stats }) => name !== of && stats?.isDirectory() === false)
    .sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs)
  for (const [at, { name, stats }] of others.entries()) {
    const isOld = !name.startsWith(build) && Math.abs(now - stats.mtimeMs) > OTHERS_STAY
    if (isOld || at >= MOST_FILES - 1) fs.rmSync(join(folder, name), { force: true })
  }
}
