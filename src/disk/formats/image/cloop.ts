import type { Inspector } from '../../inspect/inspector.ts'
import { hasBytes, mustBeConverted } from '../shared.ts'

/*
 * The header of cloop, version 2: https://github.com/KlausKnopper/cloop
 * Numbers are big-endian.
 */

const MAGIC = '#!/bin/sh\n#V2.0 Format\n'
/** Offset of the block size and the number of blocks, after a script of 128 bytes. */
const SIZES = 128

/** Recognises a compressed loop device, which QEMU can only read. */
export const cloop: Inspector = {
  name: 'cloop',
  kind: 'image',
  title: 'a cloop image',
  async inspect(source) {
    if (!(await hasBytes(source, 0, MAGIC))) return undefined
    const sizes = await source.read(SIZES, 8)
    const refusals = [mustBeConverted('cloop')]
    if (sizes.length < 8) return { at: 0, version: 2, refusals }
    return { at: 0, version: 2, virtualSize: sizes.readUInt32BE(0) * sizes.readUInt32BE(4), refusals }
  },
}
