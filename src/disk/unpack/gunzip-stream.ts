import { VdcError } from '../../core/errors.ts'
import { FETCH_AGAIN } from '../file/source.ts'

const CHUNK = 1024 * 1024

/**
 * Unpacks gzip data that is within another file.
 *
 * @param packed the length of the gzip data in bytes; nothing may follow the last member.
 * @throws VdcError FILE_REFUSED, without the name of the file, if something does; zlib's error if
 *   the data is damaged; errors of `bytes`.
 */
export async function* gunzipStream(bytes: AsyncIterable<Buffer>, packed: number): AsyncGenerator<Buffer> {
  const [{ Readable, pipeline }, { createGunzip }] = await Promise.all([import('node:stream'), import('node:zlib')])
  const unzipped = createGunzip({ chunkSize: CHUNK })
  pipeline(Readable.from(bytes), unzipped, () => {})
  yield* unzipped
  if (unzipped.bytesWritten === packed) return
  throw new VdcError('FILE_REFUSED', 'has data after the gzip data of its disk', { hint: FETCH_AGAIN })
}
