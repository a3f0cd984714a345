import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs'
import { VdcError } from './errors.ts'

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

/**
 * Takes `database_uri` out of a dcmgr.conf. The last one counts, as in Ruby.
 *
 * @param why the reason for the file to be there, for messages.
 * @throws VdcError CONFIG_REFUSED when the file can't be read, or has none.
 */
export function readDatabaseUri(path: string, why: string): string {
  const last = readConf(path, why).findLast((line) => /^[ \t]*(?:config\.)?database_uri\b/.test(line)) ?? ''
  const literal =
    last.length > LONGEST_LINE
      ? null
      : /^\s*(?:config\.)?database_uri(?:\s*=\s*|\s*\(\s*|\s+)(['"])(.+?)\1\s*(?:\)\s*)?(?:#.*)?$/.exec(last)
  if (literal === null || (literal[1] === '"' && literal[2]?.includes('#{'))) {
    throw new VdcError('CONFIG_REFUSED', `The configuration file ${path} has no database_uri that can be read`, {
      hint: "A line such as database_uri 'mysql2://localhost/wakame_dcmgr?user=root' is expected; or set VDC_MANAGE_DATABASE_URI",
    })
  }
  return literal[2] as string
}

/** The service types of an installation by name, and the canonical id of the storage that new objects of each go to. */
export type ServiceTypes = ReadonlyMap<string, { storageId?: string }>

const SERVICE_TYPE = /^[ \t]*(?:config\.)?service_type\b[ \t(]*(['"])([^'"\n]+)\1/gm
const STORAGE_ID = /^[ \t]*(?:config\.)?backup_storage_id(?:[ \t]*=[ \t]*|[ \t(]+)(['"])([^'"\n]+)\1/m

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
  for (const line of readText(path, why).split('\n')) {
    if (isComment) isComment = !/^=end\b/.test(line)
    else if (/^=begin\b/.test(line)) isComment = true
    else if (/^__END__\r?$/.test(line)) break
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
    throw refuse(code === 'EACCES' ? 'can not be read: permission denied' : `can not be read (${code})`, error)
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
