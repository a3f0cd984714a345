import type { Inspector } from '../../../inspect/inspector.ts'
import { decodeName, hasSeparator } from './vmdk-encoding.ts'

/*
 * VMware's "Virtual Disk Format 5.0", "The Descriptor File": text in a file of its own or
 * in the image: https://www.vmware.com/app/vmdk/?src=vmdk
 * It is read as bytes, as QEMU does: decoding it could hide lines.
 */

/** Most characters of a name in a message. */
const SHOWN = 200
/** Bytes of a descriptor file that are read. */
const LIMIT = 64 * 1024
/** Most NULs before the descriptor. */
const LEADING_NULS = 512
/**
 * The start of a descriptor file: its version, after blank lines and comments. For QEMU,
 * only a line feed ends a comment, but blank lines can end in any way.
 */
const DESCRIPTOR = /^(?:[ \t\r\0]*(?:#[^\n]*)?\n)*[ \t\r\0]*(?:#\s*Disk DescriptorFile|version\s*=)/i
/** The byte order marks of UTF-8 and UTF-16. */
const BYTE_ORDER_MARK = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/
/** A line of an extent, which is a part of the disk: access, sectors, type, file. */
const EXTENT = /^[ \t]*(RW|RDONLY|NOACCESS)[ \t]+(\d+)[ \t]+(\w+)(?:[ \t]+"?([^"\r\n]*)"?)?/gim
/** Most extents and parents that are reported: one is enough for a refusal. */
const REPORTED = 10
/** The parent CID of an image without a parent. */
const NO_PARENT = 0xffffffff
/** The types of images with a single extent, which is the file itself. */
const WHOLE = ['monolithicsparse', 'streamoptimized']
/** QEMU searches the whole text for this key. The name follows after two more characters, such as `="`. */
const PARENT_HINT = 'parentFileNameHint'
/** Most bytes of such a name in QEMU. */
const HINT_LIMIT = 4096

/** Recognises a VMDK descriptor file, whose disk is in other files. */
export const vmdkDescriptor: Inspector = {
  name: 'vmdk',
  kind: 'image',
  title: 'a VMDK descriptor',
  async inspect(source) {
    const text = asAscii((await source.read(0, LIMIT)).toString('latin1'))
    if (!DESCRIPTOR.test(text)) return undefined
    const encoding = encodingOf(text) ?? ''
    const named = extentsIn(text).map((extent) => nameOf(extent, encoding))
    return { references: named.length > 0 ? named : ['other files (it is a VMDK descriptor)'] }
  },
}

/** Removes the NULs before a text, its byte order mark, and the NULs between the letters of UTF-16. */
function asAscii(text: string): string {
  const start = /^\0*/.exec(text.slice(0, LEADING_NULS))?.[0].length ?? 0
  const rest = text.slice(start).replace(BYTE_ORDER_MARK, '')
  return /^[#v\s]\0|^\0[#v\s]/.test(rest) ? rest.replaceAll('\0', '') : rest
}

interface Extent {
  access: string
  sectors: string
  type: string
  /** The name in the descriptor, one character per byte. */
  file: string
}

/**
 * Finds the references to other files in the descriptor of an image. All descriptors are
 * checked if several follow each other.
 *
 * @param sectors of the disk, by the header.
 * @param grain sectors of a grain; some programs round the size in the header up to whole grains.
 * @returns the references for messages; empty if the image is self-contained.
 */
export function referencesIn(bytes: Buffer, sectors: bigint, grain: bigint): string[] {
  const all = bytes.toString('latin1').replaceAll(/\0+/g, '\n')
  const each = all.split(/^(?=#[ \t]*Disk DescriptorFile)/im)
  const size = { sectors, grain }
  return [...new Set([...typeIn(all), ...each.flatMap((text) => partsIn(text, encodingOf(all), size))])]
}

function typeIn(text: string): string[] {
  const types = valuesOf(text, 'createType')
  if (types.length === 0) return ['other files (it has no type)']
  return types
    .filter((type) => !WHOLE.includes(type.toLowerCase()))
    .map((type) => `other files (its type is ${shown(type)})`)
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
  const otherFile = extents.find((extent, at) => at > 0 || !isItself(extent, encoding, size))
  return [
    ...parents.slice(0, REPORTED).map((id) => `the parent image with CID ${shown(id)}`),
    ...hints.slice(0, REPORTED).map((name) => `the file ${decoded(name)} (${PARENT_HINT})`),
    ...tracks.slice(0, REPORTED).map((name) => `the file ${decoded(name)} (changeTrackPath)`),
    ...(otherFile ? [nameOf(otherFile, encoding)] : []),
  ]
}

/** Returns whether a single extent is the file itself: it is sparse, and not in another folder. The file may have been renamed. */
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
  const matches = [...text.matchAll(EXTENT)].slice(0, REPORTED)
  return matches.map(([, access = '', sectors = '', type = '', file = '']) => ({ access, sectors, type, file }))
}

function nameOf({ type, file }: Extent, encoding: string): string {
  return `the ${type.toUpperCase()} extent ${shown(decodeName(Buffer.from(file, 'latin1'), encoding))}`
}

/** Returns the names that QEMU would use as the name of the parent (block/vmdk.c, vmdk_parent_open). */
function hintsForQemu(text: string): string[] {
  const matches = [...text.matchAll(new RegExp(PARENT_HINT, 'g'))].slice(0, REPORTED)
  return matches.map(({ index }) => {
    const at = index + PARENT_HINT.length + 2
    const name = text.slice(at, at + HINT_LIMIT)
    const end = name.indexOf('"')
    return end === -1 ? name : name.slice(0, end)
  })
}

/** Returns the distinct values of all lines `key=value` or `key = "value"`. */
function valuesOf(text: string, key: string): string[] {
  const line = new RegExp(`^[ \\t]*(?:ddb\\.)?${key}[ \\t]*=[ \\t]*"?([^"\\r\\n]*)"?`, 'gim')
  return [...new Set([...text.matchAll(line)].map(([, value = '']) => value.trim()))]
}

function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
