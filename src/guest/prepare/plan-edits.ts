import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import type { GuestCheck } from '../checks/check.ts'
import { hasCloudInit } from '../parsers/cloud-init.ts'
import type { GuestSource } from '../run-checks.ts'
import { type GuestSystem, identify } from '../system.ts'
import { GuestFiles } from '../tree/guest-files.ts'
import { Undecided } from '../tree/undecided.ts'
import type { Edit, PrepareOptions } from './edit.ts'
import { EditedTree } from './edited-tree.ts'

/** An edit, and the check that it is for. */
export type PlannedEdit = Edit & { check: string }

/** The edits of a guest in the order in which they must be made, and its files as they will be then. */
export interface EditPlan {
  edits: PlannedEdit[]
  edited: GuestSource
}

/**
 * Plans the edits that remedy what checks find in a guest. Writes nothing.
 *
 * @throws VdcError GUEST_NOT_READY if the guest is not a single Linux system; VALUE_REFUSED if an option does
 *   not fit the guest; what `cancellation` throws.
 */
export async function planEdits(
  { tree, disk }: GuestSource,
  checks: readonly GuestCheck[],
  options: PrepareOptions,
  cancellation: Pick<Cancellation, 'throwIfRequested'>,
): Promise<EditPlan> {
  const edited = new EditedTree(tree)
  const edits: PlannedEdit[] = []
  await requirePreparable({ tree, disk }, options, cancellation)
  for (const check of checks) {
    if (check.prepare === undefined) continue
    // Edits of other checks have changed the answers that were kept.
    const files = new GuestFiles(edited, cancellation)
    try {
      const system = await identify(files)
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

/** Why a guest cannot be prepared, by what it is. */
const WHY_NOT: Readonly<Record<Exclude<GuestSystem['kind'], 'linux'>, string>> = {
  windows: 'is Windows',
  none: 'has no operating system that can be read',
  several: 'has several operating systems',
}

async function requirePreparable(
  { tree, disk }: GuestSource,
  { init }: PrepareOptions,
  cancellation: Pick<Cancellation, 'throwIfRequested'>,
): Promise<void> {
  const files = new GuestFiles(tree, cancellation)
  const { kind } = await identify(files)
  const isSeveral = (disk?.roots.length ?? 0) > 1
  if (kind !== 'linux' || isSeveral)
    throw new VdcError('GUEST_NOT_READY', `The guest ${WHY_NOT[isSeveral || kind === 'linux' ? 'several' : kind]}`, {
      hint: 'Only an image with a single Linux system can be prepared',
    })
  if (init === 'cloud-init' && !(await hasCloudInit(files)))
    throw new VdcError('VALUE_REFUSED', 'init is cloud-init, which is not installed in the guest', {
      hint: 'Choose script, or install cloud-init in the guest first',
    })
}
