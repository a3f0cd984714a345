import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { qemuImgVersion } from '../../disk/qemu/qemu-img.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import { failure, type Outcome, ok } from './check.ts'
import { checkFolder } from './space.ts'

/** The oldest Node that the program runs on, as package.json has it. */
const OLDEST_NODE = 20

/** @param version that of Node, such as 20.20.2. */
export function checkNode(version: string): Outcome {
  const isOld = Number.parseInt(version, 10) < OLDEST_NODE
  return isOld ? failure(`Node ${version}`, `Install Node ${OLDEST_NODE} or later`) : ok(`Node ${version}`)
}

/**
 * Has qemu-img say its version, run as it is for every image.
 *
 * @throws VdcError QEMU_IMG_FAILED, or what the cancellation throws.
 */
export async function checkQemuImg(path: string, cancellation: Cancellation): Promise<Outcome> {
  const version = await qemuImgVersion(cancellation)
  return ok(`version ${version}, ${(await findProgram('qemu-img', path)) ?? 'found'}; it runs within our limits`)
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder || '.', name)
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file
  }
  return undefined
}

/** Looks at the folder of temporary files (src/disk/file/temporary-file.ts). */
export function checkUnpacking(env: NodeJS.ProcessEnv): Promise<Outcome> {
  const path = env.TMPDIR || '/var/tmp'
  const hint = 'Set TMPDIR to a folder that has space for unpacked images and for imports'
  return checkFolder(path, { absent: () => failure(`There is no folder ${path}`, hint), hint, writable: true })
}
