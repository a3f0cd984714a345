import { findProgram } from '../../core/find-program.ts'
import { qemuImgVersion } from '../../disk/qemu/qemu-img.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import { failure, type Outcome, ok } from './check.ts'
import { checkFolder } from './space.ts'

/** The oldest supported version of Node, as in package.json. */
const OLDEST_NODE = 20

/**
 * Checks whether the version of Node is supported.
 *
 * @param version such as 20.20.2.
 */
export function checkNode(version: string): Outcome {
  const isOld = Number.parseInt(version, 10) < OLDEST_NODE
  return isOld ? failure(`Node ${version}`, `Install Node ${OLDEST_NODE} or later`) : ok(`Node ${version}`)
}

/**
 * Runs qemu-img with the same limits as for images, and reports its version.
 *
 * @param path the value of PATH.
 * @throws VdcError QEMU_IMG_FAILED if it does not run; the error of `cancellation` if it is cancelled.
 */
export async function checkQemuImg(path: string, cancellation: Cancellation): Promise<Outcome> {
  const version = await qemuImgVersion(cancellation)
  return ok(`version ${version}, ${(await findProgram('qemu-img', path)) ?? 'found'}; runs within the resource limits`)
}

/** Checks the folder for temporary files (src/disk/file/temporary-file.ts). */
export function checkUnpacking(env: NodeJS.ProcessEnv): Promise<Outcome> {
  const path = env.TMPDIR || '/var/tmp'
  const hint = 'Set TMPDIR to a folder with enough space for unpacked images and imports'
  return checkFolder(path, { absent: () => failure(`Folder ${path} does not exist`, hint), hint, writable: true })
}
