import type { Guest } from '../guest.ts'
import type { Edit, PrepareOptions } from '../prepare/edit.ts'
import type { GuestPath } from '../tree/guest-path.ts'

/** How bad a finding is: `error` if instances cannot work or leak a secret, `warning` if they work badly, `note` if it is worth knowing. */
export type Severity = 'error' | 'warning' | 'note'

/** Something that a check found in a guest. */
export interface Finding {
  /** What is wrong, or why that is unknown, without a full stop. */
  message: string
  /** Default: the severity of the check. */
  result?: Severity | 'unknown'
  /** The file, folder or link that shows it. */
  path?: GuestPath
  line?: number
  /** The text that shows it, one character per byte. Never a secret: no keys, hashes or tokens. */
  value?: string
  /** True if a part of the guest could not be read, so that the guest is not ready. */
  isUnreadable?: boolean
  /** Default: the remedy of the check. */
  remedy?: string
}

/**
 * A check of a guest. To add one, write its file and add it to `index.ts`.
 *
 * `run` yields what is wrong, and nothing if all is well. It throws Undecided if it cannot tell; what it
 * has found until then is reported, too.
 */
export interface GuestCheck {
  /** Group and name, such as `net.dhcp`. Stable between releases. */
  id: string
  /** The severity of its worst finding. */
  severity: Severity
  /** What must be true, as a sentence. */
  requirement: string
  /** The files that it looks at, for the documentation. */
  looksAt: string
  /** How to fix it, in one sentence. */
  remedy: string
  /** What `prepare` does, in sentences, for the documentation. */
  prepares?: string
  /** Returns why the check does not apply to a guest; undefined if it does. */
  notApplicable?(guest: Guest): Promise<string | undefined>
  run(guest: Guest): AsyncIterable<Finding>
  /**
   * Yields the edits that remedy what `run` finds, and none if all is well. Missing if only people can.
   * Throws Undecided if it cannot tell; the edits until then are done.
   */
  prepare?(guest: Guest, options: PrepareOptions): AsyncIterable<Edit>
}
