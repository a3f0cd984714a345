import { VdcError } from '../../core/errors.ts'

/** Characters of a name that are shown. */
const SHOWN = 100

/** How to pack a disk image so that the agents find it (dcmgr.md, "Where an image's bytes are"). */
const REPACK = 'Pack the disk image alone, at the top level: tar -C DIR -cf OUT FILE'
const REPACK_SPARSE = 'Pack it again with GNU tar: tar -C DIR -S --format=pax -cf OUT FILE'

/** The refusal of an archive of more, or of something else, than the agents could take for the disk. */
export function refusedTar(why: string): VdcError {
  return new VdcError('FILE_REFUSED', why, { hint: REPACK })
}

/** The refusal of an archive that is damaged. */
export function damagedTar(detail?: string): VdcError {
  const more = detail === undefined ? '' : `: ${detail}`
  return new VdcError('FILE_REFUSED', `is a damaged or cut off tar archive${more}`, { hint: REPACK })
}

/** The refusal of a sparse file whose map of holes is not one that GNU tar writes. */
export function damagedMap(detail: string): VdcError {
  return new VdcError('FILE_REFUSED', `is a damaged or cut off tar archive: ${detail}`, { hint: REPACK_SPARSE })
}

/** The refusal of an archive that GNU tar and other programs unpack differently. */
export function ambiguousTar(detail: string, isSparse = false): VdcError {
  const hint = isSparse ? REPACK_SPARSE : REPACK
  return new VdcError('FILE_REFUSED', `is a tar archive that programs unpack differently: ${detail}`, { hint })
}

/**
 * Runs `work`, and adds the name of the member that it is about to a refusal.
 *
 * @param name one character per byte.
 */
export async function namingMember<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw withMember(error, name)
  }
}

/** A refusal with the name of the member that it is about; other errors as they are. */
export function withMember(error: unknown, name: string): unknown {
  if (!(error instanceof VdcError) || error.message.includes(shownName(name))) return error
  return new VdcError(error.code, `${error.message}, in ${shownName(name)}`, { hint: error.hint, cause: error })
}

/** A member's name for people: in quotes, not longer than a line. The output escapes what is unsafe to print. */
export function shownName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8')
  return `"${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}"`
}
