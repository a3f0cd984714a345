import prettyBytes from 'pretty-bytes'
import { type Folder, lookAtFolder } from '../../disk/folder/folder.ts'
import { failure, type Outcome, ok, warning } from './check.ts'

/** Free space below which there is a warning: bytes, and a part of the whole in percent. */
const LEAST_FREE = 1024n ** 3n
const LEAST_PERCENT = 5n

/**
 * Says whether a folder is there, may be used, and has space.
 *
 * @param options.absent what it means where there is no such folder.
 * @param options.writable whether it is of no use without being writable.
 */
export async function checkFolder(
  path: string,
  options: { absent: () => Outcome; hint: string; writable: boolean },
): Promise<Outcome> {
  let folder: Folder | undefined
  try {
    folder = await lookAtFolder(path)
  } catch (error) {
    return failure(`${path} cannot be looked at: ${(error as Error).message}`, options.hint)
  }
  if (folder === undefined) return options.absent()
  const where = `${path}${describeSpace(folder)}`
  if (!folder.isReadable)
    return failure(`${where}: it cannot be read by this user`, 'Give this user the right to read it')
  if (!folder.isWritable) {
    const text = `${where}: nothing can be written to it by this user`
    return options.writable
      ? failure(text, options.hint)
      : warning(
          text,
          'Files that are there can be registered; to convert or put images there, give this user the right to write',
        )
  }
  const isFull = folder.free < LEAST_FREE || folder.free * 100n < folder.total * LEAST_PERCENT
  return isFull ? warning(`${where}: it is nearly full`, 'Make space, or mount a larger disk') : ok(where)
}

function describeSpace({ mount, free, total }: Folder): string {
  const size = (bytes: bigint) => prettyBytes(bytes, { binary: true })
  const on = mount === undefined ? '' : `, ${mount.type} on ${mount.device}`
  return `${on}, ${size(free)} of ${size(total)} free`
}
