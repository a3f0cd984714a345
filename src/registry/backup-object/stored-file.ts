import type { ImageFile } from '../../disk/file/image-file.ts'

/** A file that was read and hashed, for a backup object. */
export interface StoredFile {
  path: string
  /** The open file; undefined if a dry run skipped creating it. */
  opened: ImageFile | undefined
  /** The URI that the agents read. */
  uri: string
  /** File size in bytes. */
  size: number
  /** Virtual size of the disk in bytes; null if the file was not inspected. */
  virtualSize: number | null
  /** File format in QEMU's terms; only for an object that is added without an image. */
  fileFormat?: string
  /** Container format: how the disk image is packed. */
  containerFormat: string
  /** Size of the unpacked disk image in bytes. */
  unpackedSize: number
  /** MD5 of the file, in hex. */
  md5: string
  /** SHA-256 of the file, in hex. */
  sha256: string
}
