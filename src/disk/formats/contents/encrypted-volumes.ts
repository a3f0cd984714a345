import { NotKept, readFew, type Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import type { Refusal } from '../../inspect/refusal.ts'
import { encryptedWith } from '../shared.ts'
import { FILEVAULT, isEncryptedApfs } from './filesystems/apfs.ts'

/*
 * Volumes that are encrypted as a whole: a disk, or a partition of one:
 * BitLocker: https://github.com/libyal/libbde/blob/main/documentation/BitLocker%20Drive%20Encryption%20(BDE)%20format.asciidoc
 * FileVault: https://github.com/libyal/libfvde/blob/main/documentation/FileVault%20Drive%20Encryption%20(FVDE).asciidoc
 * LUKS: https://gitlab.com/cryptsetup/cryptsetup/-/wikis/Specification
 * PGP: https://github.com/file/file/blob/master/magic/Magdir/filesystems
 */

/** Bytes of a volume that are read. */
const HEAD = 4096
/** Partitions that are checked at most. */
const PARTITIONS = 16

interface Volume {
  name: string
  /** The program that encrypted it. */
  title: string
  /** How to decrypt it. */
  hint: string
  /** Returns whether a volume starts with these bytes. */
  isIn(head: Buffer): boolean
}

const has = (head: Buffer, at: number, text: string) => head.toString('latin1', at, at + text.length) === text
const BITLOCKER_TO_GO = '3bd66749292ed84a8399f6a339e3d001'

const VOLUMES: readonly Volume[] = [
  {
    name: 'bitlocker',
    title: 'BitLocker',
    hint: 'Decrypt it in the guest with manage-bde -off, then make the image again',
    isIn: (head) => has(head, 3, '-FVE-FS-') || head.toString('hex', 424, 440) === BITLOCKER_TO_GO,
  },
  {
    name: 'corestorage',
    title: 'FileVault',
    hint: FILEVAULT,
    // A physical volume of version 1. Without FileVault, macOS made these only for Fusion Drives, which are two disks.
    isIn: (head) => has(head, 88, 'CS') && head.toString('hex', 8, 12) === '01001000',
  },
  {
    name: 'pgp',
    title: 'PGP Whole Disk Encryption',
    hint: 'Decrypt it in the guest with pgpwde --decrypt, then make the image again',
    isIn: (head) => has(head, 3, 'PGPGUARD'),
  },
]
/** Volumes that have their own inspector if they are a whole disk. */
const OTHERS: readonly Volume[] = [
  {
    name: 'luks',
    title: 'LUKS',
    hint: 'Open it with cryptsetup open, then make an image of /dev/mapper/NAME',
    isIn: (head) => has(head, 0, 'LUKS\xba\xbe'),
  },
  { name: 'apfs', title: 'FileVault', hint: FILEVAULT, isIn: isEncryptedApfs },
]

/** Recognise disks that are encrypted as a whole. */
export const encryptedVolumes: readonly Inspector[] = VOLUMES.map(({ name, title, hint, isIn }) => ({
  name,
  kind: 'contents',
  title: `an encrypted disk (${title})`,
  async inspect(source): Promise<Finding | undefined> {
    return isIn(await source.read(0, HEAD)) ? { at: 0, refusals: [encryptedWith(title, hint)] } : undefined
  },
}))

/**
 * Checks whether one of the first partitions of a disk is encrypted.
 *
 * @param starts offsets of the partitions in bytes.
 * @returns the refusal to add to the finding of the disk; empty if there is none.
 */
export async function encryptionIn(
  source: Source,
  starts: readonly (number | bigint)[],
): Promise<{ refusals?: Refusal[] }> {
  for (const [index, start] of starts.slice(0, PARTITIONS).entries()) {
    const head = await headAt(source, Number(start))
    const volume = head && [...VOLUMES, ...OTHERS].find(({ isIn }) => isIn(head))
    if (volume) return { refusals: [encryptedWith(`${volume.title}, partition ${index + 1}`, volume.hint)] }
  }
  return {}
}

/** Reads the start of a partition. Returns undefined if it is the start of the disk, or was not kept of a packed disk. */
async function headAt(source: Source, at: number): Promise<Buffer | undefined> {
  if (at === 0) return undefined
  try {
    return await readFew(source, at, HEAD)
  } catch (error) {
    if (error instanceof NotKept) return undefined
    throw error
  }
}
