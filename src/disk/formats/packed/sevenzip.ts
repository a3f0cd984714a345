import type { Inspector } from '../../inspect/inspector.ts'
import { hasBytes, mustBeUnpacked } from '../shared.ts'

/** 7-Zip's description of its format, "SignatureHeader": https://py7zr.readthedocs.io/en/latest/archive_format.html */
const MAGIC = '7z\xbc\xaf\x27\x1c'

/** Recognises a 7z archive. */
export const sevenzip: Inspector = {
  name: '7z',
  kind: 'packed',
  title: 'a 7z archive',
  async inspect(source) {
    if (!(await hasBytes(source, 0, MAGIC))) return undefined
    return { at: 0, refusals: [mustBeUnpacked(sevenzip.title, '7z x')] }
  },
}
