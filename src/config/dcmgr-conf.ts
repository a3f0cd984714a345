import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs'
import { VdcError } from '../core/errors.ts'

/** Where the Ruby programs of an installation keep their settings (dcmgr.md, "Configuration of an installation"). */
export const DCMGR_CONF = '/etc/wakame-vdc/dcmgr.conf'

/** Bytes of such a file; a large installation's has a few thousand. */
const LARGEST = 1024 * 1024
/** Characters of a line that a setting may stand in. */
const LONGEST_LINE = 4096

/** Says whether there is such a file, or something that keeps us from knowing. */
export function mayExist(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

/** A line that sets `database_uri`, up to its value; the value may begin on the next line. */
const SETTING = /^[ \t]*(?:(?:config|self)\.)?database_uri(?:[ \t]*(=)\s*|[ \t]*(\()\s*|[ \t]+(?:\\\n[ \t]*)?)/
/** A line on which `database_uri` stands, but for a comment or a part of some other word. */
const MENTION = /^[^#]*?(?<![\w/?&'"-])database_uri\b/

/**
 * Takes `database_uri` out of a dcmgr.conf. The last one counts, as in Ruby; one
 * that is no literal is refused, as nobody but Ruby knows what it means.
 *
 * @param why the reason for the file to be there, for messages.
 * @throws VdcError CONFIG_REFUSED when the file can't be read, or has none.
 */
export function readDatabaseUri(path: string, why: string): string {
  const lines = readConf(path, why)
  const last = lines.findLastIndex((line) => MENTION.test(line.slice(0, LONGEST_LINE)))
  // A statement goes over three lines at most: the name and its parenthesis, the value, and the end.
  const text = lines
    .slice(last, last + 4)
    .join('\n')
    .slice(0, LONGEST_LINE)
  const setting = last < 0 || (lines[last]?.length ?? 0) > LONGEST_LINE ? null : SETTING.exec(text)
  const string = setting && rubyString(text.slice(setting[0].length))
  const end = setting?.[2] === undefined ? END : CLOSED_END
  if (!string || !end.test(string.rest) || string.value === '') {
    throw new VdcError('CONFIG_REFUSED', `The configuration file ${path} has no database_uri that can be read`, {
      hint: "A line such as database_uri 'mysql2://localhost/wakame_dcmgr?user=root' is expected; or set VDC_MANAGE_DATABASE_URI",
    })
  }
  return string.value
}

/** What may follow the value of a setting: nothing that would change it. */
const END = /^(?:\.freeze)?[ \t]*;*[ \t]*(?:#[^\n]*)?(?:\n(?!\s*\.)|$)/
/** The same, where it is in parentheses. */
const CLOSED_END = /^(?:\.freeze)?\s*\)[ \t]*;*[ \t]*(?:#[^\n]*)?(?:\n(?!\s*\.)|$)/
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '<': '>' }

/** Reads the literal string that Ruby code begins with; undefined where only Ruby can tell what it is. */
function rubyString(code: string): { value: string; rest: string } | undefined {
  const quoted = /^(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/.exec(code)
  if (quoted !== null) {
    const [all, single, double = ''] = quoted
    const rest = code.slice(all.length)
    if (single !== undefined) return { value: single.replace(/\\(['\\])/g, '$1'), rest }
    return isLiteral(double) ? { value: double.replace(/\\(["\\#])/g, '$1'), rest } : undefined
  }
  // %q(…), %Q{…}, %[…] and with any sign, such as %q|…|.
  const [start, kind, opening = ''] = /^%([qQ]?)([^\w\s])/.exec(code) ?? []
  if (start === undefined) return undefined
  const closing = CLOSING[opening] ?? opening
  const end = code.indexOf(closing, start.length)
  const value = code.slice(start.length, end)
  if (end < 0 || /[\\\n]/.test(value) || value.includes(opening)) return undefined
  return kind === 'q' || isLiteral(value) ? { value, rest: code.slice(end + 1) } : undefined
}

/** Says whether Ruby takes the inside of double quotes as it stands, but for escaped quotes and backslashes. */
function isLiteral(text: string): boolean {
  return !/(?<!\\)#[{$@]|\\[^"\\#]/.test(text)
}

/** The service types of an installation by name, and the canonical id of the storage that new objects of each go to. */
export type ServiceTypes = ReadonlyMap<string, { storageId?: string }>

const SERVICE_TYPE = /^[ \t]*(?:(?:config|self)\.)?service_type\b[ \t(]*(['"])([^'"\n]+)\1/gm
const STORAGE_ID = /^[ \t]*(?:(?:config|self)\.)?backup_storage_id(?:[ \t]*=[ \t]*|[ \t(]+)(['"])([^'"\n]+)\1/m

/**
 * Takes the `service_type` blocks out of a dcmgr.conf.
 *
 * @returns undefined where the file can't be read: then nobody knows them.
 */
export function readServiceTypes(path: string): ServiceTypes | undefined {
  let code: string
  try {
    code = readConf(path, 'an installation of Wakame-vdc keeps it').join('\n')
  } catch {
    return undefined
  }
  const found = [...code.matchAll(SERVICE_TYPE)]
  return new Map(
    found.map(({ 2: name, index }, number) => {
      // A block goes on to the next one: they are not nested.
      const block = code.slice(index, found[number + 1]?.index)
      const storage = STORAGE_ID.exec(block)?.[2]
      const storageId = storage?.startsWith('bkst-') || storage === undefined ? storage : `bkst-${storage}`
      return [name as string, storageId === undefined ? {} : { storageId }]
    }),
  )
}

/**
 * Reads the lines of a dcmgr.conf, without what Ruby takes for comments of several
 * lines or for data. The file is Ruby; only the literal forms that dcmgr.md
 * describes are understood.
 *
 * @throws VdcError CONFIG_REFUSED.
 */
function readConf(path: string, why: string): string[] {
  const lines: string[] = []
  let isComment = false
  for (const line of readText(path, why)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)) {
    if (isComment) isComment = !/^=end\b/.test(line)
    else if (/^=begin\b/.test(line)) isComment = true
    else if (/^__END__$/.test(line)) break
    else lines.push(line)
  }
  return lines
}

/** Reads a regular file of at most LARGEST bytes, which is opened once and never waited for. */
function readText(path: string, why: string): string {
  const refuse = (reason: string, cause?: unknown) =>
    new VdcError('CONFIG_REFUSED', `The configuration file ${path} ${reason}`, {
      hint: `${why}; correct it, or set VDC_MANAGE_DATABASE_URI`,
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
    // A socket can't even be opened.
    if (code === 'ENXIO') throw refuse('is a socket or a device, not a regular file', error)
    if (code === 'ENOENT') throw refuse('does not exist', error)
    throw refuse(code === 'EACCES' ? 'cannot be read: permission denied' : `cannot be read (${code})`, error)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** The kind of a file, for people; undefined for a regular one. */
function kindOf(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined
  if (stats.isDirectory()) return 'a folder'
  return stats.isFIFO() ? 'a FIFO' : 'a device'
}
