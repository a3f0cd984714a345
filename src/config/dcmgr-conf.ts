import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs'
import { VdcError } from '../core/errors.ts'
import { systemError } from '../core/system-error.ts'

/** Configuration file of Wakame-vdc's Ruby programs (dcmgr.md, "Configuration of an installation"). */
export const DCMGR_CONF = '/etc/wakame-vdc/dcmgr.conf'

/** Largest file in bytes. Even large installations have files of a few thousand bytes. */
const LARGEST = 1024 * 1024
/** Longest line with a setting, in characters. */
const LONGEST_LINE = 4096

/** Returns whether a file exists, or cannot be checked. */
export function mayExist(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

/** The beginning of a setting of `database_uri`, up to its value, which may be on the next line. */
const SETTING = /^[ \t]*(?:(?:config|self)\.)?database_uri(?:[ \t]*(=)\s*|[ \t]*(\()\s*|[ \t]+(?:\\\n[ \t]*)?)/
/** A line that mentions `database_uri` as a whole word, outside comments. */
const MENTION = /^[^#]*?(?<![\w/?&'"-])database_uri\b/

/**
 * Reads `database_uri` from a dcmgr.conf. If it is set several times, the last one
 * counts, as in Ruby. A value that is not a string literal is refused, as only Ruby could
 * evaluate it.
 *
 * @param role description of the file, for hints.
 * @throws VdcError CONFIG_REFUSED if the file cannot be read or does not set a literal.
 */
export function readDatabaseUri(path: string, role: string): string {
  const lines = readConf(path, role)
  const last = lines.findLastIndex((line) => MENTION.test(line.slice(0, LONGEST_LINE)))
  // A statement takes at most three lines: the name with a parenthesis, the value, and the end.
  const text = lines
    .slice(last, last + 4)
    .join('\n')
    .slice(0, LONGEST_LINE)
  const setting = last < 0 || (lines[last]?.length ?? 0) > LONGEST_LINE ? null : SETTING.exec(text)
  const string = setting && rubyString(text.slice(setting[0].length))
  const end = setting?.[2] === undefined ? END : CLOSED_END
  if (!string || !end.test(string.rest) || string.value === '') {
    throw new VdcError('CONFIG_REFUSED', `The configuration file ${path} has no readable database_uri`, {
      hint: "Add a line such as database_uri 'mysql2://localhost/wakame_dcmgr?user=root', or set VDC_MANAGE_DATABASE_URI",
    })
  }
  return string.value
}

/** The end of a setting after its value: nothing that would change the value. */
const END = /^(?:\.freeze)?[ \t]*;*[ \t]*(?:#[^\n]*)?(?:\n(?!\s*\.)|$)/
/** The end of a setting whose value is in parentheses. */
const CLOSED_END = /^(?:\.freeze)?\s*\)[ \t]*;*[ \t]*(?:#[^\n]*)?(?:\n(?!\s*\.)|$)/
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '<': '>' }

/** Parses the string literal at the beginning of Ruby code. Returns undefined if only Ruby could evaluate it. */
function rubyString(code: string): { value: string; rest: string } | undefined {
  const quoted = /^(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/.exec(code)
  if (quoted !== null) {
    const [all, single, double = ''] = quoted
    const rest = code.slice(all.length)
    if (single !== undefined) return { value: single.replace(/\\(['\\])/g, '$1'), rest }
    return isLiteral(double) ? { value: double.replace(/\\(["\\#])/g, '$1'), rest } : undefined
  }
  // %q(…), %Q{…}, %[…], or with another delimiter, such as %q|…|.
  const [start, kind, opening = ''] = /^%([qQ]?)([^\w\s])/.exec(code) ?? []
  if (start === undefined) return undefined
  const closing = CLOSING[opening] ?? opening
  const end = code.indexOf(closing, start.length)
  const value = code.slice(start.length, end)
  if (end < 0 || /[\\\n]/.test(value) || value.includes(opening)) return undefined
  return kind === 'q' || isLiteral(value) ? { value, rest: code.slice(end + 1) } : undefined
}

/** Returns whether a double-quoted Ruby string contains no interpolation and no escapes but of quotes, backslashes and #. */
function isLiteral(text: string): boolean {
  return !/(?<!\\)#[{$@]|\\[^"\\#]/.test(text)
}

/** The service types of an installation by name, with the canonical ID of the storage for new objects of each. */
export type ServiceTypes = ReadonlyMap<string, { storageId?: string }>

const SERVICE_TYPE = /^[ \t]*(?:(?:config|self)\.)?service_type\b[ \t(]*(['"])([^'"\n]+)\1/gm
const STORAGE_ID = /^[ \t]*(?:(?:config|self)\.)?backup_storage_id(?:[ \t]*=[ \t]*|[ \t(]+)(['"])([^'"\n]+)\1/m

/**
 * Reads the `service_type` blocks of a dcmgr.conf.
 *
 * @returns undefined if the file cannot be read.
 */
export function readServiceTypes(path: string): ServiceTypes | undefined {
  let code: string
  try {
    code = readConf(path, "Wakame-vdc's configuration file").join('\n')
  } catch {
    return undefined
  }
  const found = [...code.matchAll(SERVICE_TYPE)]
  return new Map(
    found.map(({ 2: name, index }, number) => {
      // A block extends to the next one, as blocks are not nested.
      const block = code.slice(index, found[number + 1]?.index)
      const storage = STORAGE_ID.exec(block)?.[2]
      const storageId = storage?.startsWith('bkst-') || storage === undefined ? storage : `bkst-${storage}`
      return [name as string, storageId === undefined ? {} : { storageId }]
    }),
  )
}

/**
 * Reads the lines of a dcmgr.conf without Ruby's block comments and data section. The
 * file is Ruby code; only the literal forms described in dcmgr.md are understood.
 *
 * @throws VdcError CONFIG_REFUSED if the file cannot be read.
 */
function readConf(path: string, role: string): string[] {
  const lines: string[] = []
  let isComment = false
  for (const line of readText(path, role)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)) {
    if (isComment) isComment = !/^=end\b/.test(line)
    else if (/^=begin\b/.test(line)) isComment = true
    else if (/^__END__$/.test(line)) break
    else lines.push(line)
  }
  return lines
}

/** Reads a regular file of at most LARGEST bytes. Opens it once, and never blocks on a FIFO or device. */
function readText(path: string, role: string): string {
  const refuse = (reason: string, cause?: unknown) =>
    new VdcError('CONFIG_REFUSED', `The configuration file ${path} ${reason}`, {
      hint: `Correct ${role}, or set VDC_MANAGE_DATABASE_URI`,
      cause,
    })
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    const kind = kindOf(fstatSync(descriptor))
    if (kind !== undefined) throw refuse(`is ${kind}, not a regular file`)
    const bytes = Buffer.allocUnsafe(LARGEST + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(descriptor, bytes, length, bytes.length - length, null)
    if (length > LARGEST) throw refuse('is larger than 1 MiB')
    return bytes.toString('utf8', 0, length)
  } catch (error) {
    if (error instanceof VdcError) throw error
    const { code } = error as NodeJS.ErrnoException
    // Sockets cannot be opened.
    if (code === 'ENXIO') throw refuse('is a socket or a device, not a regular file', error)
    if (code === 'ENOENT') throw refuse('does not exist', error)
    throw refuse(
      code === 'EACCES' ? 'cannot be read: permission denied' : `cannot be read: ${systemError(code)}`,
      error,
    )
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Returns the kind of a file for messages; undefined for a regular file. */
function kindOf(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined
  if (stats.isDirectory()) return 'a folder'
  return stats.isFIFO() ? 'a FIFO' : 'a device'
}
