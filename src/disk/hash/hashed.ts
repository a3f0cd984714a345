/** Both checksums of a file, hex. */
export interface Checksums {
  md5: string
  sha256: string
}

/** Checksums, and of how many bytes they are. */
export type Hashed = Checksums & { bytes: number }
