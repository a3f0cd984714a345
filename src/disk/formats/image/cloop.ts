import type { Inspector } from '../../inspect/inspector.ts'
import { hasBytes, mustBeConverted } from '../shared.ts'

/*
 * The header as cloop has it, version 2: https://github.com/KlausKnopper/cloop
 * Numbers are big-endian.
 */

const MAGIC = '#!/bin/sh\n#V2.0 Format\n'
/** Behind a script of 128 bytes: bytes of a block, and blocks. */
const SIZES = 128

/** A compressed loop device, which QEMU only reads. */
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
