import type { ImageFile } from '../../disk/file/image-file.ts'

/** A file whose bytes are known, as a backup object holds it. */
export interface StoredFile {
  path: string
  /** The file itself, open; undefined in a dry run that would have made it. */
  opened: ImageFile | undefined
  /** Its URI, as the agents read it. */
  uri: string
  /** Bytes of the file. */
  size: number
  /** Bytes of the disk that it is an image of; null where nobody looked. */
  virtualSize: number | null
  /** QEMU's name of what it holds, where no image is made with it that says so. */
  fileFormat?: string
  /** How the disk image is packed, and its bytes when it is unpacked. */
  containerFormat: string
  unpackedSize: number
  /** Hex. */
  md5: string
  sha256: string
}
