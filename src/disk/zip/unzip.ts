import { chunksOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { fileSource } from '../file/source.ts'
import { crc32 } from '../formats/crc32.ts'
import type { Watcher } from '../watcher.ts'
import { onlyFile, type ZipFile } from './zip-directory.ts'
import { damagedZip } from './zip-refusals.ts'

const CHUNK = 1024 * 1024
/** Bytes of headers that are read at most. */
const HEADER_LIMIT = 1024 * 1024

/**
 * Unpacks the only file of a zip archive, stored or deflated, and checks its size and its CRC.
 *
 * @param onRead is called with the number of packed bytes after each read.
 * @throws VdcError FILE_REFUSED, without the name of the archive, if it is damaged, or holds anything but one
 *   regular file (`onlyFile`); zlib's error for damaged data; the error of the cancellation.
 */
export async function* unzip(
  file: ImageFile,
  watcher: Watcher,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const entry = await headersOf(file, watcher)
  const { dataAt, packed, method } = entry
  const data = chunksOf(file, watcher, onRead, dataAt, dataAt + packed)
  const sumOf = await fastCrc32()
  let crc = 0
  let length = 0
  for await (const chunk of method === 0 ? data : inflate(data, packed)) {
    watcher.cancellation.throwIfRequested()
    length += chunk.length
    if (length > entry.unpacked) throw damagedZip('its file is longer than its headers say')
    crc = sumOf(chunk, crc)
    yield chunk
  }
  if (length !== entry.unpacked) throw damagedZip('its file is shorter than its headers say')
  if (crc !== entry.crc) throw damagedZip('the CRC of its file is wrong')
}

/** Returns zlib's CRC-32, which is ten times as fast as ours, and which Node has from 20.15 on. */
async function fastCrc32(): Promise<typeof crc32> {
  const zlib: { crc32?: typeof crc32 } = await import('node:zlib')
  return zlib.crc32 ?? crc32
}

async function headersOf(file: ImageFile, watcher: Watcher): Promise<ZipFile> {
  try {
    return await onlyFile(fileSource(file, HEADER_LIMIT, watcher.cancellation))
  } catch (error) {
    if (error instanceof RangeError) throw damagedZip('a header is cut off')
    throw error
  }
}

async function* inflate(data: AsyncIterable<Buffer>, packed: number): AsyncGenerator<Buffer> {
  const [{ Readable, pipeline }, { createInflateRaw }] = await Promise.all([import('node:stream'), import('node:zlib')])
  const inflated = createInflateRaw({ chunkSize: CHUNK })
  pipeline(Readable.from(data), inflated, () => {})
  yield* inflated
  if (inflated.bytesWritten !== packed) throw damagedZip('its file has other data after its end')
}
