import type { Source } from '../file/source.ts'
import type { Layout } from './layout.ts'
import type { Refusal } from './refusal.ts'

/**
 * The kind of a format: a disk image format (`image`), something that identifies a raw
 * disk such as a partition table (`contents`), a packed file (`packed`), or a file that
 * is not a disk (`foreign`).
 */
type Kind = 'image' | 'contents' | 'packed' | 'foreign'

/** Recognises one format by its bytes alone. */
export interface Inspector {
  /** QEMU's name of the format, or its common name if QEMU has none. */
  readonly name: string
  readonly kind: Kind
  /** Describes a file of this format in messages, as in `is a zip archive`. */
  readonly title: string
  /**
   * Checks whether a source has this format, and reads what its headers claim.
   *
   * @param source limited to 1 MiB of reading.
   * @returns undefined if the source does not have this format.
   * @throws VdcError FILE_REFUSED if the headers are invalid. Callers treat RangeErrors
   *   and failed reads alike.
   */
  inspect(source: Source): Promise<Finding | undefined>
}

/** The findings of an inspector: claims of the file, which are checked later. */
export interface Finding {
  /** Offset of the signature. After the first sector, a signature may be in the data of an image by chance. */
  at?: number
  /** Describes the file more exactly than the inspector's `title`, such as `a Linux kernel for ARM64`. */
  title?: string
  /** Virtual size in bytes; undefined if it is the file size. A bigint if a double cannot hold it exactly. */
  virtualSize?: number | bigint
  /** Virtual size that some versions of QEMU calculate instead; QEMU's value is used. */
  otherVirtualSize?: number
  /** Version of the format. */
  version?: number
  /** Optional features of the format that the file uses, by QEMU's names if there are any. */
  features?: string[]
  /** References to other files, for messages, such as `the backing file base.qcow2`. */
  references?: string[]
  /** Whether the image is encrypted. */
  isEncrypted?: boolean
  /** Whether the file is also a raw disk, as a fixed VHD is: a raw disk with a footer. */
  isRawToo?: boolean
  /** Architecture: dcmgr's name, or the common one if dcmgr has none. */
  arch?: string
  /** Why the file cannot be registered, other than references and encryption. */
  refusals?: Refusal[]
  /** Warnings for the operator. */
  warnings?: string[]
  /** Bytes that the file must have by its headers; a bigint as with `virtualSize`. */
  end?: number | bigint
  /** Whether `end` is the end of partitions: some image makers cut off a disk after its last data. */
  endsWithPartitions?: boolean
  /** Reads all tables, and returns where the tables and blocks are. */
  readLayout?: (source: Source) => Promise<Layout>
  /**
   * Reads all tables, and returns how many bytes the file must have. For formats whose
   * layout `qemu-img check` checks, but not to the byte.
   */
  findEnd?: (source: Source) => Promise<number | bigint>
  /** Returns whether an offset is in the data of the disk. For formats whose layout `qemu-img check` checks. */
  findData?: (source: Source, offset: number) => Promise<boolean>
}
