import { lstatSync, readFileSync, statSync } from 'node:fs'
import { VdcError } from './errors.ts'

/** Where the Ruby programs of an installation keep their settings (dcmgr.md, "Configuration of an installation"). */
export const DCMGR_CONF = '/etc/wakame-vdc/dcmgr.conf'

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
  const last = [...readConf(path, why).matchAll(/^\s*(?:config\.)?database_uri\b.*$/gm)].at(-1)?.[0] ?? ''
  const literal = /database_uri(?:\s*=\s*|\s*\(\s*|\s+)(['"])(.+?)\1\s*\)?\s*(?:#.*)?$/.exec(last)
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
    code = readConf(path, 'an installation of Wakame-vdc keeps it')
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

/** Reads a dcmgr.conf. The file is Ruby; only the literal forms that dcmgr.md describes are understood. */
function readConf(path: string, why: string): string {
  let text: string
  try {
    // A FIFO would keep us waiting for ever.
    if (statSync(path).isFIFO()) throw Object.assign(new Error(), { code: 'a FIFO' })
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reason =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EACCES'
          ? 'can not be read: permission denied'
          : `can not be read (${code})`
    throw new VdcError('CONFIG_REFUSED', `The configuration file ${path} ${reason}`, {
      hint: `${why}; mend it, or set VDC_MANAGE_DATABASE_URI`,
      cause: error,
    })
  }
  return text.replace(/^__END__$[\s\S]*/m, '').replace(/^=begin\b[\s\S]*?^=end\b.*$/gm, '')
}
