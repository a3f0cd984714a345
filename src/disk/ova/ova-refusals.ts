import { VdcError } from '../../core/errors.ts'
import { FETCH_AGAIN } from '../file/source.ts'

/** Returns the refusal of an OVA from which no single disk can be taken. */
export function refusedOva(why: string): VdcError {
  const hint = 'Unpack it, then convert the disk that you need: tar -xf, vdc-manage image convert'
  return new VdcError('FILE_REFUSED', `is an OVA that ${why}`, { hint })
}

/** Returns the refusal of an OVA whose files are not those of its manifest. */
export function damagedOva(why: string): VdcError {
  return new VdcError('FILE_REFUSED', `is a damaged or changed OVA: ${why}`, { hint: FETCH_AGAIN })
}
