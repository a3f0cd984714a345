import prettyBytes from 'pretty-bytes'
import { type Folder, lookAtFolder } from '../../disk/folder/folder.ts'
import { failure, type Outcome, ok, warning } from './check.ts'

/** Warn if a filesystem has less free space than this many bytes. */
const LEAST_FREE = 1024n ** 3n
/** Warn if a filesystem has less free space than this many percent. */
const LEAST_PERCENT = 5n

/**
 * Checks whether a folder exists, can be used by this user, and has free space.
 *
 * @param options.absent returns the result if the folder does not exist.
 * @param options.hint for a folder that cannot be used.
 * @param options.writable fail, and not only warn, if the folder is not writable.
 */
export async function checkFolder(
  path: string,
  options: { absent: () => Outcome; hint: string; writable: boolean },
): Promise<Outcome> {
  let folder: Folder | undefined
  try {
    folder = await lookAtFolder(path)
  } catch (error) {
    return failure(`${path} cannot be examined: ${(error as Error).message}`, options.hint)
  }
  if (folder === undefined) return options.absent()
  const where = `${path}${describeSpace(folder)}`
  if (!folder.isReadable) return failure(`${where}; this user cannot read it`, 'Give this user permission to read it')
  if (!folder.isWritable) {
    const text = `${where}; this user cannot write to it`
    if (options.writable) return failure(text, options.hint)
    return warning(
      text,
      'Existing files can be registered. To convert or copy images there, give this user permission to write',
    )
  }
  const isFull = folder.free < LEAST_FREE || folder.free * 100n < folder.total * LEAST_PERCENT
  return isFull ? warning(`${where}; nearly full`, 'Free some space, or mount a larger disk') : ok(where)
}

function describeSpace({ mount, free, total }: Folder): string {
  const size = (bytes: bigint) => prettyBytes(bytes, { binary: true })
  const on = mount === undefined ? '' : `, ${mount.type} on ${mount.device}`
  return `${on}, ${size(free)} of ${size(total)} free`
}
