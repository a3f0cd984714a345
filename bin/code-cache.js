/*
 * Keeps V8's compiled code between runs, as compiling takes longer than all else that
 * most commands do: a file for each build of the program and release of Node, in a
 * folder that only this user can write to (docs/decisions/0001-bundle.md). Without
 * such a folder, or with a file that is not what it should be, the program runs too.
 */
const fs = require('node:fs')
const { dirname, isAbsolute, join } = require('node:path')
const { Script } = require('node:vm')
// Node has it from 20.15 on; nothing is kept without it.
const { crc32 } = require('node:zlib')

/** Bytes before the code in a file: JSON with what the code is of, the parts that it holds and a checksum, and spaces. */
const HEADER = 4096
/** Bytes of the largest file; the code of all commands together takes a sixth of it. */
const LARGEST = 16 * 2 ** 20
/** Milliseconds for which files of other builds and releases stay. */
const OTHERS_STAY = 3_600_000
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants

/**
 * Loads a CommonJS module with the compiled code that is kept for it. When the process
 * ends, with success and having used parts that the code which is kept does not hold,
 * it is kept anew, with what this run has compiled in addition.
 *
 * @param path of a module that begins with a comment of a name for its contents, and
 *   exports `usedParts`, the set of what is used of it.
 */
exports.loadWithCode = (path) => {
  const source = fs.readFileSync(path, 'latin1')
  // V8 takes only what was compiled with the same options.
  const options = crc32?.(JSON.stringify([process.execArgv, process.env.NODE_OPTIONS])).toString(16)
  const of = `${source.slice(3, 67)}-${process.version}-${process.arch}-${options}`
  const kept = readCode(of)
  const script = new Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
    filename: path,
    cachedData: kept?.code,
  })
  const module = { exports: {} }
  script.runInThisContext()(module.exports, require, module, path, dirname(path))
  const known = new Set(script.cachedDataRejected ? [] : kept?.parts)
  process.on('exit', (code) => {
    const parts = new Set([...known, ...module.exports.usedParts])
    if (code === 0 && parts.size > known.size) writeCode(of, [...parts], script.createCachedData())
  })
  return module.exports
}

/**
 * The folder to keep code in.
 *
 * @param options.make make it if it is not there.
 * @throws Error if it is not there, or can not be: also where somebody else could write to it.
 */
function ownFolder({ make }) {
  const { HOME = '' } = process.env
  const user = process.geteuid()
  const checkOurs = (path) => {
    const stats = fs.lstatSync(path)
    if (!stats.isDirectory() || stats.uid !== user || (stats.mode & 0o022) !== 0) throw new Error(`${path} is not ours`)
  }
  // sudo may have kept a HOME that is somebody else's. Below /tmp anybody could make it.
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

/** A checksum of all that a file keeps. V8 itself has none: it would crash on a file of which a part got lost. */
function sumOf(of, parts, code) {
  return crc32(code, crc32(JSON.stringify([of, parts])))
}

/**
 * Reads the code that is kept, and which parts of the program it holds.
 *
 * @returns undefined if there is none, or not all as it was written.
 */
function readCode(of) {
  let file
  try {
    // It does not wait for who writes to a pipe.
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

/** Puts a new file in the place of what is there, whole or not at all, and removes what is of no use any more. */
function writeCode(of, parts, code) {
  let draft
  try {
    const folder = ownFolder({ make: true })
    const header = Buffer.from(JSON.stringify({ of, sum: sumOf(of, parts, code), parts }).padEnd(HEADER))
    if (header.length > HEADER || header.length + code.length > LARGEST) return
    const path = join(folder, `${of}.${process.pid}`)
    const file = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    draft = path
    try {
      for (const bytes of [header, code]) fs.writeFileSync(file, bytes)
    } finally {
      fs.closeSync(file)
    }
    fs.renameSync(draft, join(folder, of))
    draft = undefined
    for (const name of fs.readdirSync(folder)) {
      const other = join(folder, name)
      if (name !== of && Date.now() - fs.lstatSync(other).mtimeMs > OTHERS_STAY) fs.unlinkSync(other)
    }
  } catch {
    // As on a full disk, or where another process just did the same. There is a next time.
    if (draft !== undefined) fs.rmSync(draft, { force: true })
  }
}
