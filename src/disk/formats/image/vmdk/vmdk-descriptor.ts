import type { Inspector } from '../../../inspect/inspector.ts'
import { decodeName, hasSeparator } from './vmdk-encoding.ts'

/*
 * VMware's "Virtual Disk Format 5.0", "The Descriptor File": text lines, be they a
 * file of their own or within the image: https://www.vmware.com/app/vmdk/?src=vmdk
 * They are looked at byte by byte, as QEMU does: an encoding could hide some.
 */

const SHOWN = 200
/** Bytes of a descriptor in a file of its own that are looked at. */
const LIMIT = 64 * 1024
/** NULs that may stand before it. */
const LEADING_NULS = 512
/**
 * Such a file begins, after blank lines and comments, with its version. Only a line
 * feed ends a comment for QEMU, but blank lines may end in any way.
 */
const DESCRIPTOR = /^(?:[ \t\r\0]*(?:#[^\n]*)?\n)*[ \t\r\0]*(?:#\s*Disk DescriptorFile|version\s*=)/i
/** How text may begin that is in UTF-8, or in UTF-16. */
const BYTE_ORDER_MARK = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/
/** Access, sectors, type, file: an extent is a piece of the disk. */
const EXTENT = /^[ \t]*(RW|RDONLY|NOACCESS)[ \t]+(\d+)[ \t]+(\w+)(?:[ \t]+"?([^"\r\n]*)"?)?/gim
/** Extents and names of parents that are examined and reported: one is enough for a refusal. */
const LOOKED_AT = 10
/** The CID that means that an image has no parent. */
const NO_PARENT = 0xffffffff
/** The types whose one extent is the file itself. */
const WHOLE = ['monolithicsparse', 'streamoptimized']
/** QEMU looks for this anywhere in the text, and for a name after the two characters that follow, such as `="`. */
const PARENT_HINT = 'parentFileNameHint'
/** Bytes of such a name; QEMU takes none that are longer. */
const HINT_LIMIT = 4096

export const vmdkDescriptor: Inspector = {
  name: 'vmdk',
  kind: 'image',
  title: 'a VMDK descriptor',
  async inspect(source) {
    const text = asAscii((await source.read(0, LIMIT)).toString('latin1'))
    if (!DESCRIPTOR.test(text)) return undefined
    const encoding = encodingOf(text) ?? ''
    const named = extentsIn(text).map((extent) => nameOf(extent, encoding))
    return { references: named.length > 0 ? named : ['other files, being a VMDK descriptor'] }
  },
}

/** Text without its byte order mark and the NULs that stand before it, and in UTF-16 between its letters. */
function asAscii(text: string): string {
  const start = /^\0*/.exec(text.slice(0, LEADING_NULS))?.[0].length ?? 0
  const rest = text.slice(start).replace(BYTE_ORDER_MARK, '')
  return /^[#v\s]\0|^\0[#v\s]/.test(rest) ? rest.replaceAll('\0', '') : rest
}

interface Extent {
  access: string
  sectors: string
  type: string
  /** As it stands in the descriptor, a character for each byte. */
  file: string
}

/**
 * Finds what the descriptor within an image names outside it. Several descriptors
 * may follow each other; each is looked at.
 *
 * @param sectors of the disk, as the header has it.
 * @param grain sectors of a grain; some programs round the size in the header up to whole grains.
 * @returns for people; empty if the image is whole in itself.
 */
export function referencesIn(bytes: Buffer, sectors: bigint, grain: bigint): string[] {
  const all = bytes.toString('latin1').replaceAll(/\0+/g, '\n')
  const each = all.split(/^(?=#[ \t]*Disk DescriptorFile)/im)
  const size = { sectors, grain }
  return [...new Set([...typeIn(all), ...each.flatMap((text) => partsIn(text, encodingOf(all), size))])]
}

function typeIn(text: string): string[] {
  const types = valuesOf(text, 'createType')
  if (types.length === 0) return ['other files, as it names no type']
  return types
    .filter((type) => !WHOLE.includes(type.toLowerCase()))
    .map((type) => `other files, being of the type ${shown(type)}`)
}

function encodingOf(text: string): string | undefined {
  return valuesOf(text, 'encoding')[0]
}

/** The sectors of a disk and of a grain. */
interface Size {
  sectors: bigint
  grain: bigint
}

function partsIn(text: string, encodingBefore: string | undefined, size: Size): string[] {
  const encoding = encodingOf(text) ?? encodingBefore ?? ''
  const decoded = (value: string) => shown(decodeName(Buffer.from(value, 'latin1'), encoding))
  const parents = valuesOf(text, 'parentCID').filter((id) => Number.parseInt(id, 16) !== NO_PARENT)
  const hints = [...valuesOf(text, PARENT_HINT), ...hintsForQemu(text)].filter((name) => name !== '')
  const tracks = valuesOf(text, 'changeTrackPath').filter((name) => name !== '')
  const extents = extentsIn(text)
  const strange = extents.find((extent, at) => at > 0 || !isItself(extent, encoding, size))
  return [
    ...parents.slice(0, LOOKED_AT).map((id) => `the parent image with CID ${shown(id)}`),
    ...hints.slice(0, LOOKED_AT).map((name) => `the file ${decoded(name)} (${PARENT_HINT})`),
    ...tracks.slice(0, LOOKED_AT).map((name) => `the file ${decoded(name)} (changeTrackPath)`),
    ...(strange ? [nameOf(strange, encoding)] : []),
  ]
}

/** A single sparse extent is the file itself, whatever its name is now, unless it names another folder. */
function isItself({ access, sectors, type, file }: Extent, encoding: string, size: Size): boolean {
  const missing = size.sectors - BigInt(sectors)
  return (
    access.toUpperCase() !== 'NOACCESS' &&
    type.toUpperCase() === 'SPARSE' &&
    missing >= 0n &&
    (missing === 0n || missing < size.grain) &&
    !hasSeparator(Buffer.from(file, 'latin1'), encoding)
  )
}

function extentsIn(text: string): Extent[] {
  const matches = [...text.matchAll(EXTENT)].slice(0, LOOKED_AT)
  return matches.map(([, access = '', sectors = '', type = '', file = '']) => ({ access, sectors, type, file }))
}

function nameOf({ type, file }: Extent, encoding: string): string {
  return `the ${type.toUpperCase()} extent ${shown(decodeName(Buffer.from(file, 'latin1'), encoding))}`
}

/** The names that QEMU would take for the name of a parent (block/vmdk.c, vmdk_parent_open). */
function hintsForQemu(text: string): string[] {
  const matches = [...text.matchAll(new RegExp(PARENT_HINT, 'g'))].slice(0, LOOKED_AT)
  return matches.map(({ index }) => {
    const at = index + PARENT_HINT.length + 2
    const name = text.slice(at, at + HINT_LIMIT)
    const end = name.indexOf('"')
    return end === -1 ? name : name.slice(0, end)
  })
}

/** The different values of all lines `key=value` or `key = "value"`. */
function valuesOf(text: string, key: string): string[] {
  const line = new RegExp(`^[ \\t]*(?:ddb\\.)?${key}[ \\t]*=[ \\t]*"?([^"\\r\\n]*)"?`, 'gim')
  return [...new Set([...text.matchAll(line)].map(([, value = '']) => value.trim()))]
}

function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
