import type { TreeRequest } from './tree/tree-request.ts'

/** What gets the metadata in a new guest: our script, or cloud-init. */
export const BUILD_INITS = ['script', 'cloud-init'] as const

/** The guest to build. */
export interface BuildOptions {
  /** Of the distribution, such as `bookworm`. */
  suite: string
  /** URL of the archive; undefined for that of the distribution. */
  mirror: string | undefined
  /** Package of the kernel; undefined for the usual one of the distribution. */
  kernel: string | undefined
  /** More packages to install. */
  packages: readonly string[]
  init: TreeRequest['init']
  hostName: string
  /** Lines of authorized_keys for root; empty for none. */
  authorizedKeys: string
  /** A program that is run in the guest before it is finished; undefined for none. */
  script: { name: string; bytes: Buffer } | undefined
  /** Bytes of the disk. */
  size: number
  /** Seconds since 1970 that no time in the image exceeds; undefined for now, with random identifiers. */
  timestamp: number | undefined
  /** Seconds that installing the packages, and the script, may take. */
  timeout: number
}
