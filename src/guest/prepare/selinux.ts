import { assignmentsIn } from '../parsers/assignments.ts'
import type { GuestFiles } from '../tree/guest-files.ts'
import type { Edit } from './edit.ts'

const CONFIG = '/etc/selinux/config'
/** At the next boot, its presence has all files labelled anew. */
const RELABEL = '/.autorelabel'

/**
 * Yields the edit that has SELinux label the files at the first boot, if it is enabled and any edit makes or
 * replaces a file: files have no label, or that of another file, until then.
 */
export async function* relabelEdits(files: GuestFiles, edits: readonly Edit[]): AsyncGenerator<Edit> {
  if (edits.every(({ action }) => action === 'remove')) return
  const mode = assignmentsIn((await files.text(CONFIG)) ?? '').get('SELINUX')?.value
  if (mode === undefined || !/^(?:enforcing|permissive)$/i.test(mode)) return
  if (await files.exists(RELABEL)) return
  yield { action: 'write', path: RELABEL, text: '', what: 'SELinux labels the files at the first boot' }
}
