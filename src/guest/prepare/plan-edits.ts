import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import type { GuestCheck } from '../checks/check.ts'
import type { Guest } from '../guest.ts'
import { hasCloudInit } from '../parsers/cloud-init.ts'
import type { GuestSource } from '../run-checks.ts'
import { type GuestSystem, identify } from '../system.ts'
import { GuestFiles } from '../tree/guest-files.ts'
import { Undecided } from '../tree/undecided.ts'
import type { Edit, PrepareOptions } from './edit.ts'
import { EditedTree } from './edited-tree.ts'
import { relabelEdits } from './selinux.ts'
import { timezoneEdits } from './timezone.ts'

/** An edit, and what it is for: the ID of a check, or `timezone` or `selinux`. */
export type PlannedEdit = Edit & { check: string }

/** The edits of a guest in the order in which they must be made, and its files as they will be then. */
export interface EditPlan {
  edits: PlannedEdit[]
  edited: GuestSource
}

/**
 * Plans the edits that remedy what checks find in a guest, and those that options ask for. Writes nothing.
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
  let guest: Guest | undefined = await preparableGuest({ tree, disk }, options, cancellation)
  const plan = async (check: string, editsFor: (guest: Guest) => AsyncIterable<Edit>) => {
    const before = edits.length
    guest ??= await guestOf({ tree: edited, disk }, cancellation)
    try {
      for await (const edit of editsFor(guest)) if (await edited.apply(edit)) edits.push({ ...edit, check })
    } finally {
      // Edits have changed answers that were kept.
      if (edits.length > before) guest = undefined
    }
  }
  for (const check of checks)
    if (check.prepare !== undefined)
      await plan(check.id, (each) => check.prepare?.(each, options) as AsyncIterable<Edit>).catch(ignoreUndecided)
  if (options.timezone !== undefined)
    await plan('timezone', (each) => timezoneEdits(each, options)).catch(refuseUndecided)
  await plan('selinux', ({ files }) => relabelEdits(files, edits)).catch(ignoreUndecided)
  return { edits, edited: { tree: edited, disk } }
}

async function guestOf(
  { tree, disk }: GuestSource,
  cancellation: Pick<Cancellation, 'throwIfRequested'>,
): Promise<Guest> {
  const files = new GuestFiles(tree, cancellation)
  return { files, system: await identify(files), disk }
}

/** The check says what is unknown. */
function ignoreUndecided(error: unknown): void {
  if (!(error instanceof Undecided)) throw error
}

function refuseUndecided(error: unknown): never {
  if (!(error instanceof Undecided)) throw error
  throw new VdcError('VALUE_REFUSED', `The time zone cannot be set: ${error.message}`, { cause: error })
}

/** Why a guest cannot be prepared, by what it is. */
const WHY_NOT: Readonly<Record<Exclude<GuestSystem['kind'], 'linux'>, string>> = {
  windows: 'is Windows',
  none: 'has no operating system that can be read',
  several: 'has several operating systems',
}

async function preparableGuest(
  source: GuestSource,
  { init }: PrepareOptions,
  cancellation: Pick<Cancellation, 'throwIfRequested'>,
): Promise<Guest> {
  const guest = await guestOf(source, cancellation).catch(refuseUnreadable)
  const { disk, files } = guest
  const { kind } = guest.system
  const isSeveral = (disk?.roots.length ?? 0) > 1
  if (kind !== 'linux' || isSeveral)
    throw new VdcError('GUEST_NOT_READY', `The guest ${WHY_NOT[isSeveral || kind === 'linux' ? 'several' : kind]}`, {
      hint: 'Only an image with a single Linux system can be prepared',
    })
  if (init === 'cloud-init' && !(await hasCloudInit(files)))
    throw new VdcError('VALUE_REFUSED', 'init is cloud-init, which is not installed in the guest', {
      hint: 'Choose script, or install cloud-init in the guest first',
    })
  return guest
}

function refuseUnreadable(error: unknown): never {
  if (!(error instanceof Undecided)) throw error
  throw new VdcError('GUEST_NOT_READY', `The guest cannot be read: ${error.message}`, { cause: error })
}
