import { VdcError } from '../../core/errors.ts'
import { FETCH_AGAIN } from '../file/source.ts'

/** Returns the refusal of a damaged zip archive, or one that programs could read differently. */
export function damagedZip(why: string): VdcError {
  return new VdcError('FILE_REFUSED', `is a damaged or truncated zip archive: ${why}`, { hint: FETCH_AGAIN })
}

/** Returns the refusal of a zip archive from which no single disk can be taken. */
export function refusedZip(why: string): VdcError {
  const hint = 'Unpack it with unzip, then convert the disk image inside: vdc-manage image convert'
  return new VdcError('FILE_REFUSED', `is a zip archive that ${why}`, { hint })
}
