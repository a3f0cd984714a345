import { mustBeCopied } from '../formats/shared.ts'
import { OVA_TITLE } from '../inspect/containers.ts'
import { damagedTar, refusedTar, shownName } from './tar-refusals.ts'

/** Bytes of the longest file name on Linux. */
const NAME_LIMIT = 255

/** Descriptions of members that are not files, by type. */
const TYPES: Readonly<Record<string, string>> = {
  1: 'a hard link',
  2: 'a symbolic link',
  3: 'a character device',
  4: 'a block device',
  5: 'a directory',
  6: 'a FIFO',
  D: 'a directory of an incremental backup',
  K: 'a link with a long name',
  M: 'a part of a file from another volume',
  V: 'a volume label',
}

/** The refusal of an OVA. */
export const OVA = mustBeCopied(OVA_TITLE)

/**
 * Returns whether a member has the name of an OVF descriptor, which makes its tar archive
 * an OVA: DMTF's Open Virtualization Format, DSP0243, "Distribution as a single file":
 * https://www.dmtf.org/standards/ovf
 */
export function isOvf(name: string): boolean {
  return /\.ovf$/i.test(name)
}

/**
 * Requires that a member is a regular file that the agents find after unpacking: not in
 * a folder and not hidden (dcmgr.md, "Where an image's bytes are").
 *
 * @param name one character per byte.
 * @param type one character.
 * @throws VdcError FILE_REFUSED if not.
 */
export function requireDiskName(name: string, type: string): void {
  const shown = shownName(name)
  // In the v7 format, a directory is a file with a slash at the end of its name.
  const isFolder = '07S\0'.includes(type) && name.endsWith('/')
  if (isFolder || !'07S\0'.includes(type)) {
    const kind = isFolder ? 'a directory' : (TYPES[type] ?? `of the unknown type ${shownName(type)}`)
    throw refusedTar(`holds more than a disk image: ${shown} is ${kind}`)
  }
  if (name === '') throw damagedTar('a member has no name')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression finds control characters
  if (/[\0-\x1f\x7f]/.test(name)) throw refusedTar(`holds ${shown}, a name with control characters`)
  if (name.startsWith('/')) throw refusedTar(`holds ${shown}, an absolute path`)
  const parts = name.replace(/^\.\//, '').split('/')
  if (parts.includes('..')) throw refusedTar(`holds ${shown}, a path with ".." in it`)
  if (parts.length > 1) throw refusedTar(`holds ${shown} inside a folder, which the agents would use as the disk`)
  const [base = ''] = parts
  if (base.startsWith('.')) throw refusedTar(`holds ${shown}, a hidden file, which the agents would not find`)
  if (base.length > NAME_LIMIT)
    throw refusedTar(`holds ${shown}, a name of ${base.length} bytes; the limit is ${NAME_LIMIT}`)
}
