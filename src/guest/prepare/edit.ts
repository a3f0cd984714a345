import type { GuestPath } from '../tree/guest-path.ts'

/** What users choose about the preparation of a guest. */
export interface PrepareOptions {
  /** Addresses for /etc/resolv.conf; empty to leave only what is there and does no harm. */
  nameservers: readonly string[]
  /** What gets the metadata: `auto` is cloud-init where it is installed, or else our script. */
  init: 'auto' | 'script' | 'cloud-init' | 'none'
  /** Whether the keys with which people log in, in authorized_keys, stay. */
  keepKeys: boolean
  /** Name of a time zone, such as Europe/Berlin; undefined to leave the one that is set. */
  timezone: string | undefined
}

/**
 * A change of one file of a guest. The folders of a path have no links, as GuestFiles finds them. Missing
 * folders are made; they belong to root and have the mode 0755.
 */
export type Edit = {
  path: GuestPath
  /** What the edit does, as a phrase such as `without the MAC address`, if the action and path do not say it. */
  what?: string
} & (
  | {
      /** Removes a file, a link, or a folder with all that is in it. */
      action: 'remove'
    }
  | {
      /** Replaces the contents of a file, or makes one. */
      action: 'write'
      /** One character per byte. Empty to empty the file. */
      text: string
      /** Default: the mode that the file has, or 0644. Owner and group stay; those of a new file are root. */
      mode?: number
    }
  | {
      /** Makes a link, in the place of the file or link that is there. */
      action: 'link'
      target: GuestPath
    }
)
