import { VdcError } from '../../core/errors.ts'

/** Most characters of a name in a message. */
const SHOWN = 100

/** How to pack a disk image so that the agents find it (dcmgr.md, "Where an image's bytes are"). */
const REPACK = 'Pack the disk image alone, at the top level: tar -C DIR -cf OUT FILE'
const REPACK_SPARSE = 'Pack it again with GNU tar: tar -C DIR -S --format=pax -cf OUT FILE'

/** Returns the refusal of an archive that does not hold exactly one file that the agents can use as the disk. */
export function refusedTar(why: string): VdcError {
  return new VdcError('FILE_REFUSED', why, { hint: REPACK })
}

/** Returns the refusal of a damaged archive. */
export function damagedTar(detail?: string): VdcError {
  const more = detail === undefined ? '' : `: ${detail}`
  return new VdcError('FILE_REFUSED', `is a damaged or truncated tar archive${more}`, { hint: REPACK })
}

/** Returns the refusal of a sparse file with a map of holes that GNU tar would not write. */
export function damagedMap(detail: string): VdcError {
  return new VdcError('FILE_REFUSED', `is a damaged or truncated tar archive: ${detail}`, { hint: REPACK_SPARSE })
}

/** Returns the refusal of an archive that GNU tar and other programs unpack differently. */
export function ambiguousTar(detail: string, isSparse = false): VdcError {
  const hint = isSparse ? REPACK_SPARSE : REPACK
  return new VdcError('FILE_REFUSED', `is a tar archive that programs unpack differently: ${detail}`, { hint })
}

/**
 * Runs `work`, and adds the name of a member to the refusals that it throws.
 *
 * @param name of the member, one character per byte.
 */
export async function namingMember<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw withMember(error, name)
  }
}

/** Returns a refusal with the name of its member added. Returns other errors unchanged. */
export function withMember(error: unknown, name: string): unknown {
  if (!(error instanceof VdcError) || error.message.includes(shownName(name))) return error
  return new VdcError(error.code, `${error.message}, in ${shownName(name)}`, { hint: error.hint, cause: error })
}

/** Formats the name of a member for a message: quoted and shortened. Unsafe characters are escaped when it is printed. */
export function shownName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8')
  return `"${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}"`
}
