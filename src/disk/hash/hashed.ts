/** The checksums of a file, hex. */
export interface Checksums {
  md5: string
  sha256: string
}

/** The checksums of a file and the number of bytes that were hashed. */
export type Hashed = Checksums & { bytes: number }
