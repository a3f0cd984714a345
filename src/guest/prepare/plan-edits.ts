import type { Cancellation } from '../../disk/watcher.ts'
import type { GuestCheck } from '../checks/check.ts'
import type { GuestSource } from '../run-checks.ts'
import { identify } from '../system.ts'
import { GuestFiles } from '../tree/guest-files.ts'
import { Undecided } from '../tree/undecided.ts'
import type { Edit, PrepareOptions } from './edit.ts'
import { EditedTree } from './edited-tree.ts'

/** An edit, and the check that it is for. */
export type PlannedEdit = Edit & { check: string }

/**
 * Plans the edits that remedy what checks find in a guest. Writes nothing.
 *
 * @returns the edits in the order in which they must be made, and the files as they will be then.
 * @throws what `cancellation` throws.
 */
export async function planEdits(
  { tree, disk }: GuestSource,
  checks: readonly GuestCheck[],
  options: PrepareOptions,
  cancellation: Pick<Cancellation, 'throwIfRequested'>,
): Promise<{ edits: PlannedEdit[]; edited: GuestSource }> {
  const edited = new EditedTree(tree)
  const edits: PlannedEdit[] = []
  for (const check of checks) {
    if (check.prepare === undefined) continue
    // Edits of other checks have changed the answers that were kept.
    const files = new GuestFiles(edited, cancellation)
    try {
      const system = await identify(files)
      if (system.kind !== 'linux') break
      for await (const edit of check.prepare({ files, system, disk }, options)) {
        await edited.apply(edit)
        edits.push({ ...edit, check: check.id })
      }
    } catch (error) {
      // The check says what is unknown.
      if (!(error instanceof Undecided)) throw error
    }
  }
  return { edits, edited: { tree: edited, disk } }
}
