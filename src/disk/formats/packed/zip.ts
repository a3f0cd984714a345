import type { Source } from '../../file/source.ts'
import type { Inspector } from '../../inspect/inspector.ts'
import { mustBeCopied } from '../shared.ts'

/*
 * PKWARE's .ZIP File Format Specification, "Local file header":
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 * Numbers are little-endian.
 */

const MEMBER = 'PK\x03\x04'
/** Records at the start of archives that are empty or split. */
const OTHERS = ['PK\x05\x06', 'PK\x07\x08', 'PK00']
const HEADER = 30
const NAME_LIMIT = 256

/** Recognises a zip archive that is not an office document. */
export const zip: Inspector = {
  name: 'zip',
  kind: 'packed',
  title: 'a zip archive',
  async inspect(source) {
    const head = (await source.read(0, 4)).toString('latin1')
    const member = await firstMember(source)
    if (member === undefined ? !OTHERS.includes(head) : titleOfDocument(member) !== undefined) return undefined
    return { at: 0, refusals: [mustBeCopied(zip.title)] }
  },
}

/** Recognises a zip archive that is an office document (OOXML or OpenDocument) or an e-book. */
export const officeZip: Inspector = {
  name: 'office',
  kind: 'foreign',
  title: 'an office document',
  async inspect(source) {
    const member = await firstMember(source)
    const title = member && titleOfDocument(member)
    return title === undefined ? undefined : { at: 0, title }
  },
}

/** Returns whether a file starts like a zip archive. */
export function isZip(start: Buffer): boolean {
  return [MEMBER, ...OTHERS].includes(start.toString('latin1', 0, 4))
}

interface Member {
  name: string
  /** First bytes of its packed data. */
  start: string
}

async function firstMember(source: Source): Promise<Member | undefined> {
  const header = await source.read(0, HEADER)
  if (header.length < HEADER || header.toString('latin1', 0, 4) !== MEMBER) return undefined
  const nameLength = header.readUInt16LE(26)
  const name = await source.read(HEADER, Math.min(nameLength, NAME_LIMIT))
  const start = await source.read(HEADER + nameLength + header.readUInt16LE(28), 64)
  return { name: name.toString('latin1'), start: start.toString('latin1') }
}

function titleOfDocument({ name, start }: Member): string | undefined {
  if (name === 'mimetype' && start.startsWith('application/epub+zip')) return 'an e-book'
  return name === '[Content_Types].xml' || name === 'mimetype' ? 'an office document' : undefined
}
