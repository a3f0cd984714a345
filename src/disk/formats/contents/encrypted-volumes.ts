import { NotKept, readFew, type Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import type { Refusal } from '../../inspect/refusal.ts'
import { encryptedWith } from '../shared.ts'
import { FILEVAULT, isEncryptedApfs } from './filesystems/apfs.ts'

/*
 * Volumes that are encrypted as a whole, be they a disk or a partition of one:
 * BitLocker: https://github.com/libyal/libbde/blob/main/documentation/BitLocker%20Drive%20Encryption%20(BDE)%20format.asciidoc
 * FileVault: https://github.com/libyal/libfvde/blob/main/documentation/FileVault%20Drive%20Encryption%20(FVDE).asciidoc
 * LUKS: https://gitlab.com/cryptsetup/cryptsetup/-/wikis/Specification
 * PGP: https://github.com/file/file/blob/master/magic/Magdir/filesystems
 */

/** Bytes of a volume that are looked at. */
const HEAD = 4096
/** Partitions that are looked into. */
const PARTITIONS = 16

interface Volume {
  name: string
  /** The program that encrypted it. */
  title: string
  /** How to get at the disk without it. */
  hint: string
  isIn(head: Buffer): boolean
}

const has = (head: Buffer, at: number, text: string) => head.toString('latin1', at, at + text.length) === text
const BITLOCKER_TO_GO = '3bd66749292ed84a8399f6a339e3d001'

const VOLUMES: readonly Volume[] = [
  {
    name: 'bitlocker',
    title: 'BitLocker',
    hint: 'Turn it off in the machine with manage-bde -off, and make the image again',
    isIn: (head) => has(head, 3, '-FVE-FS-') || head.toString('hex', 424, 440) === BITLOCKER_TO_GO,
  },
  {
    name: 'corestorage',
    title: 'FileVault',
    hint: FILEVAULT,
    // A physical volume of version 1; macOS made no others but for Fusion Drives, which are two disks.
    isIn: (head) => has(head, 88, 'CS') && head.toString('hex', 8, 12) === '01001000',
  },
  {
    name: 'pgp',
    title: 'PGP Whole Disk Encryption',
    hint: 'Decrypt it in the machine with pgpwde --decrypt, and make the image again',
    isIn: (head) => has(head, 3, 'PGPGUARD'),
  },
]
/** Those that have an inspector of their own as a whole disk. */
const OTHERS: readonly Volume[] = [
  {
    name: 'luks',
    title: 'LUKS',
    hint: 'Open it with cryptsetup open, and make the image of /dev/mapper/NAME',
    isIn: (head) => has(head, 0, 'LUKS\xba\xbe'),
  },
  { name: 'apfs', title: 'FileVault', hint: FILEVAULT, isIn: isEncryptedApfs },
]

/** Disks that are encrypted as a whole. */
export const encryptedVolumes: readonly Inspector[] = VOLUMES.map(({ name, title, hint, isIn }) => ({
  name,
  kind: 'contents',
  title: `an encrypted disk (${title})`,
  async inspect(source): Promise<Finding | undefined> {
    return isIn(await source.read(0, HEAD)) ? { at: 0, refusals: [encryptedWith(title, hint)] } : undefined
  },
}))

/**
 * Looks whether one of a disk's partitions is encrypted, the first few of them.
 *
 * @param starts bytes at which they start.
 * @returns what a finding adds.
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

/** The start of a partition; undefined if the disk starts there too, or if these bytes of a packed disk are not kept. */
async function headAt(source: Source, at: number): Promise<Buffer | undefined> {
  if (at === 0) return undefined
  try {
    return await readFew(source, at, HEAD)
  } catch (error) {
    if (error instanceof NotKept) return undefined
    throw error
  }
}
