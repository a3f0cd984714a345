import { VdcError } from '../../core/errors.ts'
import { chunksOf, startOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { FETCH_AGAIN } from '../file/source.ts'
import { archiveIn, type Compression, type ContainerFormat } from '../inspect/containers.ts'
import { readOnlyMember } from '../tar/tar.ts'
import { isTar, looksCompressed } from '../tar/tar-header.ts'
import type { TakeBytes } from '../tar/tar-members.ts'
import { isOvf, OVA } from '../tar/tar-names.ts'
import { ambiguousTar } from '../tar/tar-refusals.ts'
import type { Watcher } from '../watcher.ts'
import { compressionOf } from './decompress.ts'

/** Bytes needed to recognise a tar archive. */
const TAR_HEAD = 512
/** Bytes of the name at its start. */
const NAME = 100

/** How a disk image is packed. */
export interface Packing {
  containerFormat: ContainerFormat
  /** Size of the unpacked disk image in bytes. */
  unpackedSize: number
  /** As in an inspection. */
  warnings: string[]
}

/** Options for unpacking. */
interface UnpackOptions {
  /** Whether the disk of an OVA is taken, too. */
  opensOva: boolean
  /**
   * Called with the container format as soon as it is known, even if the rest is damaged; for an archive within a
   * compressed file, it is called with the format of that file first.
   */
  onFormat?: (format: ContainerFormat) => void
}

/**
 * Unpacks a compressed file or an archive to its end; gzip and tar exactly as the agents do with `gunzip`
 * and GNU tar (dcmgr.md, "Where an image's bytes are"). It is read as a stream: memory does
 * not grow with its size.
 *
 * @param take is called with increasing offsets; an error that it throws ends the reading.
 * @throws VdcError FILE_REFUSED, without the name of the file, if it is damaged, is an
 *   archive of anything but one file, or would be unpacked differently by the agents; QEMU_IMG_FAILED if a program
 *   is missing; the errors of `take` and of the cancellation.
 */
export async function unpack(
  file: ImageFile,
  take: TakeBytes,
  watcher: Watcher,
  { opensOva, onFormat = () => {} }: UnpackOptions = { opensOva: false },
): Promise<Packing> {
  const task = watcher.progress.begin('Unpacking', file.size)
  const onRead = (bytes: number) => task.advance(bytes)
  let chunks: AsyncGenerator<Buffer> | undefined
  try {
    const { buffer, bytesRead } = await file.handle.read(Buffer.alloc(TAR_HEAD), 0, TAR_HEAD, 0)
    const start = buffer.subarray(0, bytesRead)
    const [compression, decompress] = compressionOf(start) ?? []
    if (compression === undefined && looksCompressed(start, file.path))
      throw ambiguousTar('it has no signature, and GNU tar treats it as compressed')
    onFormat(compression ?? 'tar')
    chunks = decompress?.(file, watcher, onRead) ?? chunksOf(file, watcher, onRead)
    return await unpackInner(chunks, compression, take, { opensOva, onFormat })
  } catch (error) {
    if (error instanceof VdcError || (error as NodeJS.ErrnoException).syscall === 'read') throw error
    // zlib's error for damaged data.
    const why = `is damaged or truncated: ${(error as Error).message}`
    throw new VdcError('FILE_REFUSED', why, { hint: FETCH_AGAIN, cause: error })
  } finally {
    // Stops reading the file, also after an error.
    await chunks?.return(undefined)
    task.end()
  }
}

/** Unpacks an archive, or what was within a compressed file: an archive, or else the disk image. */
async function unpackInner(
  chunks: AsyncGenerator<Buffer>,
  compression: Compression | undefined,
  take: TakeBytes,
  { opensOva, onFormat }: Required<UnpackOptions>,
): Promise<Packing> {
  const [inner, unpacked] = await startOf(chunks, TAR_HEAD)
  if (compression === undefined || isTar(inner)) {
    const isOva = opensOva && startsWithOvf(inner)
    const containerFormat = archiveIn(isOva ? 'ova' : 'tar', compression)
    onFormat(containerFormat)
    if (!isOva) return { containerFormat, unpackedSize: await readDisk(unpacked, take, opensOva), warnings: [] }
    const { size, warnings } = await (await import('../ova/ova.ts')).readOva(unpacked, take)
    return { containerFormat, unpackedSize: size, warnings }
  }
  let unpackedSize = 0
  for await (const chunk of unpacked) {
    await take(unpackedSize, chunk)
    unpackedSize += chunk.length
  }
  if (unpackedSize === 0) throw new VdcError('FILE_REFUSED', 'is empty after unpacking', { hint: FETCH_AGAIN })
  return { containerFormat: compression, unpackedSize, warnings: [] }
}

/** Reads the only file of an archive. If OVAs are opened, it cannot be one unless its descriptor comes first. */
async function readDisk(bytes: AsyncIterable<Buffer>, take: TakeBytes, opensOva: boolean): Promise<number> {
  try {
    return await readOnlyMember(bytes, take)
  } catch (error) {
    if (!opensOva || (error as Error).message !== OVA.why) throw error
    const hint = 'Unpack it, and convert the disk image inside: tar -xf, vdc-manage image convert'
    throw new VdcError('FILE_REFUSED', 'is an OVA whose descriptor is not its first file', { hint, cause: error })
  }
}

/** Returns whether an archive starts with the descriptor of an OVA, by the name in its first header. */
function startsWithOvf(head: Buffer): boolean {
  return isOvf(head.toString('latin1', 0, NAME).replace(/\0.*$/s, ''))
}
