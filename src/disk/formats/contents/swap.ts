import type { Inspector } from '../../inspect/inspector.ts'
import { hasBytes } from '../shared.ts'

/*
 * The header, as defined in the Linux kernel: https://github.com/torvalds/linux/blob/master/include/linux/swap.h
 * Numbers have the byte order of the machine that made it.
 */

/** Page sizes of different machines; x86's is first. */
const PAGES = [4096, 8192, 16384, 65536]
const MAGIC = 'SWAPSPACE2'
const HEADER = 1024

/** Recognises a raw disk that is Linux swap space. */
export const swap: Inspector = {
  name: 'swap',
  kind: 'contents',
  title: 'swap space',
  async inspect(source) {
    for (const page of PAGES) {
      if (!(await hasBytes(source, page - MAGIC.length, MAGIC))) continue
      const header = await source.read(HEADER, 8)
      const isLittle = header.readUInt32LE(0) === 1
      if (!isLittle && header.readUInt32BE(0) !== 1) continue
      const lastPage = isLittle ? header.readUInt32LE(4) : header.readUInt32BE(4)
      return { at: page - MAGIC.length, end: (lastPage + 1) * page }
    }
    return undefined
  },
}
