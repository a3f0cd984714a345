import type { Inspector } from '../../inspect/inspector.ts'
import { exact, mustBeConverted } from '../shared.ts'

/*
 * The header of Bochs's redologs, as QEMU reads it:
 * https://gitlab.com/qemu-project/qemu/-/blob/master/block/bochs.c
 * Numbers are little-endian.
 */

const MAGIC = /^Bochs Virtual HD Image\0/
const VERSIONS = new Map([
  [0x00010000, { version: 1, sizeAt: 84 }],
  [0x00020000, { version: 2, sizeAt: 88 }],
])

/** Recognises a Bochs image, which QEMU can only read. */
export const bochs: Inspector = {
  name: 'bochs',
  kind: 'image',
  title: 'a Bochs image',
  async inspect(source) {
    const header = await source.read(0, 96)
    if (!MAGIC.test(header.toString('latin1'))) return undefined
    const known = header.length < 96 ? undefined : VERSIONS.get(header.readUInt32LE(64))
    const refusals = [mustBeConverted('bochs')]
    if (known === undefined) return { at: 0, refusals }
    const virtualSize = exact(header.readBigUInt64LE(known.sizeAt))
    const finding = { at: 0, version: known.version, virtualSize, refusals }
    // Redologs of other types contain changes to a base image, which is named in Bochs's configuration.
    const isWhole = header.toString('latin1', 48, 64).startsWith('Growing\0')
    return isWhole ? finding : { ...finding, references: ['a base image (it contains only changes)'] }
  },
}
