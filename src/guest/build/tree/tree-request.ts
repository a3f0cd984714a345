import type { GuestDisk } from '../../guest.ts'
import type { Edit } from '../../prepare/edit.ts'
import type { CheckReport } from '../../run-checks.ts'
import type { GuestSystem } from '../../system.ts'
import type { GuestPath } from '../../tree/guest-path.ts'

/** What is to be done with the unpacked files of a new guest. */
export interface TreeRequest {
  /** The folder with its files. */
  tree: string
  /** What gets the metadata. */
  init: 'script' | 'cloud-init'
  hostName: string
  /** Lines of authorized_keys for root; empty for none. */
  authorizedKeys: string
  /** UUID of the root filesystem. */
  filesystem: string
  /** What will be known of the disk. */
  disk: GuestDisk
  /** Seconds since 1970 that the times of the files must not exceed. */
  time: number
}

/** What was done, and what the checks say about the result. */
export interface TreeResult {
  /** Changes that prepare any image. */
  edits: { action: Edit['action']; path: GuestPath; check: string; what?: string | undefined }[]
  /** What the guest is; undefined if that is unknown. */
  system: GuestSystem | undefined
  reports: CheckReport[]
}

/** The answer of the process that does it: one of these as JSON on stdout. */
export type TreeAnswer = { result: TreeResult } | { refused: { message: string; hint: string | undefined } }
