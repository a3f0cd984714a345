import type { Inspector } from '../../inspect/inspector.ts'
import { exact } from '../shared.ts'

/*
 * The label and the header of a physical volume, as defined in LVM2:
 * https://sourceware.org/git/?p=lvm2.git;a=blob;f=lib/format_text/layout.h
 * Numbers are little-endian.
 */

const SECTOR = 512
/** The label is in one of the first four sectors. */
const LABEL_SECTORS = [1, 0, 2, 3]
/** Bytes of the volume's identifier, before its size. */
const IDENTIFIER = 32

/** Recognises a raw disk that is a single physical volume of LVM2. */
export const lvm: Inspector = {
  name: 'lvm',
  kind: 'contents',
  title: 'an LVM physical volume',
  async inspect(source) {
    for (const number of LABEL_SECTORS) {
      const label = await source.read(number * SECTOR, SECTOR)
      if (label.length < SECTOR || label.toString('latin1', 0, 8) !== 'LABELONE') continue
      const offset = label.readUInt32LE(20)
      const isLabel = label.readBigUInt64LE(8) === BigInt(number) && label.toString('latin1', 24, 32) === 'LVM2 001'
      if (!isLabel || offset < 32 || offset + IDENTIFIER + 8 > SECTOR) continue
      return { at: number * SECTOR, end: exact(label.readBigUInt64LE(offset + IDENTIFIER)) }
    }
    return undefined
  },
}
