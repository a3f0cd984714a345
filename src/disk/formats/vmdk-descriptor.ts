import type { Inspector } from '../inspector.ts'

/*
 * VMware's "Virtual Disk Format 5.0", "The Descriptor File": text lines, be they a
 * file of their own or within the image: https://www.vmware.com/app/vmdk/?src=vmdk
 */

const SHOWN = 200
/** Bytes of a descriptor that are looked at: those of a file of its own. */
const LIMIT = 64 * 1024
/**
 * Such a file begins, after blank lines and comments, with its version; so QEMU tells one,
 * for which only a line feed ends a comment.
 */
const DESCRIPTOR = /^(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(?:#\s*Disk DescriptorFile|version\s*=)/i
/** Access, sectors, type, file: an extent is a piece of the disk. */
const EXTENT = /^[ \t]*(?:RW|RDONLY|NOACCESS)[ \t]+\d+[ \t]+(\w+)(?:[ \t]+"?([^"\r\n]*)"?)?/gim
/** What it means that an image has no parent. */
const NO_PARENT = 'ffffffff'
/** The types whose one extent is the file itself. */
const WHOLE = ['monolithicsparse', 'streamoptimized']

export const vmdkDescriptor: Inspector = {
  name: 'vmdk',
  kind: 'image',
  title: 'a VMDK descriptor',
  async inspect(source) {
    // A raw disk may be all blank lines for long; a descriptor begins at once.
    const text = (await source.read(0, LIMIT)).toString('latin1')
    if (!DESCRIPTOR.test(text)) return undefined
    const named = partsIn(text).map(({ type, file }) => `the ${type.toUpperCase()} extent ${shown(file)}`)
    return { references: named.length > 0 ? named : ['other files, being a VMDK descriptor'] }
  },
}

/**
 * Finds what the descriptor within an image names outside it.
 *
 * @returns for people; empty where the image is whole in itself.
 */
export function describeParts(text: string): string[] {
  const found: string[] = []
  const parentId = lineValue(text, 'parentCID')
  if (parentId !== undefined && parentId.toLowerCase() !== NO_PARENT)
    found.push(`the parent image with CID ${shown(parentId)}`)
  for (const key of ['parentFileNameHint', 'changeTrackPath']) {
    const value = lineValue(text, key)
    if (value !== undefined) found.push(`the file ${shown(value)} (${key})`)
  }
  const type = lineValue(text, 'createType')
  if (type === undefined || !WHOLE.includes(type.toLowerCase())) {
    found.push(`other files, being of the type ${type === undefined ? 'that it does not tell' : shown(type)}`)
  }
  const parts = partsIn(text)
  // Whatever the file is called now, the name of the one sparse extent means itself; but not one in another folder.
  const strange = parts.find(
    ({ type: kind, file }, at) => at > 0 || kind.toUpperCase() !== 'SPARSE' || /[/\\:]/.test(file),
  )
  if (strange !== undefined) found.push(`the ${strange.type.toUpperCase()} extent ${shown(strange.file)}`)
  return found
}

function partsIn(text: string): { type: string; file: string }[] {
  return [...text.matchAll(EXTENT)].slice(0, 10).map(([, type = '', file = '']) => ({ type, file }))
}

/** The value of a line `key=value` or `key = "value"`. */
function lineValue(text: string, key: string): string | undefined {
  return new RegExp(`^[ \\t]*(?:ddb\\.)?${key}[ \\t]*=[ \\t]*"?([^"\\r\\n]*)"?`, 'im').exec(text)?.[1]?.trim()
}

function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
