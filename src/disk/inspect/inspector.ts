import type { Source } from '../file/source.ts'
import type { Layout } from './layout.ts'
import type { Refusal } from './refusal.ts'

/**
 * What a file of a format is to us: an image with a format of its own (`image`),
 * what a raw disk is recognised by (`contents`), a disk image packed up
 * (`packed`), or no disk at all (`foreign`).
 */
type Kind = 'image' | 'contents' | 'packed' | 'foreign'

/** Knows one format. It sees bytes, and nothing of names, processes or databases. */
export interface Inspector {
  /** QEMU's name of the format, else the one that its users have for it. */
  readonly name: string
  readonly kind: Kind
  /** What a file of it is, for people, as in `is a zip archive`. */
  readonly title: string
  /**
   * Looks whether bytes are of this format, and what they claim.
   *
   * @param source of which at most a mebibyte may be read.
   * @returns undefined when they are not of this format.
   * @throws VdcError FILE_REFUSED for what can't be made sense of; what it
   *   throws otherwise counts as that too.
   */
  inspect(source: Source): Promise<Finding | undefined>
}

/** What an inspector found. All that a file says of itself is a claim. */
export interface Finding {
  /** Offset of the signature; one behind the first sector may lie in an image's data by chance. */
  at?: number
  /** What it is more exactly than `title` says, such as `an ARM64 Linux kernel`. */
  title?: string
  /** Bytes of the disk; undefined where it is the file itself. A bigint stands for a number of 64 bits, exactly. */
  virtualSize?: number | bigint
  /** What some versions of QEMU take for it instead; theirs counts. */
  otherVirtualSize?: number
  /** Version of the format. */
  version?: number
  /** What it uses of the format that not all of its files do, by QEMU's names where there are some. */
  features?: string[]
  /** Whatever it names outside itself, for people, such as `the backing file base.qcow2`. */
  references?: string[]
  isEncrypted?: boolean
  /** Its bytes are those of a raw disk as well, as with a fixed VHD, which is one with a footer. */
  isRawToo?: boolean
  /** dcmgr's name of the machine's architecture, or the field's name where dcmgr has none. */
  arch?: string
  /** Why it may not be registered, besides references and encryption. */
  refusals?: Refusal[]
  /** What an operator should know. */
  warnings?: string[]
  /** Bytes that the file must have, by what its headers say; a bigint as with `virtualSize`. */
  end?: number | bigint
  /** Whether `end` is that of partitions: some image makers leave out everything after the last data. */
  endsWithPartitions?: boolean
  /** Reads the tables, however long they are, and tells where everything lies. */
  readLayout?: (source: Source) => Promise<Layout>
  /**
   * Reads the tables, however long they are, and tells how many bytes the file must have;
   * for a format whose layout `qemu-img check` looks at, but not to the byte.
   */
  findEnd?: (source: Source) => Promise<number | bigint>
  /** Says whether an offset of the file is data of the disk; for a format whose layout `qemu-img check` looks at. */
  findData?: (source: Source, offset: number) => Promise<boolean>
}
