import { rm } from 'node:fs/promises'
import { runProgram } from '../../disk/qemu/run-program.ts'
import { withFolderFor } from '../appliance/guest-folder.ts'
import { buildPath, plainInsideCommand } from './inside/command.ts'

/** What to do if the folder cannot be written to. */
export const NEEDS_SPACE = 'Set TMPDIR to a folder with enough space: a small guest takes 1.5 GiB while it is built'

/**
 * Runs `work` with a temporary folder for the files of a guest, and removes it and those of killed processes. The files
 * of a guest that an ordinary user builds belong to users of a namespace, so only root of the namespace can remove them.
 *
 * @throws VdcError FILE_NOT_WRITTEN if it cannot be created; errors of `work`.
 */
export async function withBuildFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  return withFolderFor('build', removeBuildFolder, work)
}

async function removeBuildFolder(folder: string): Promise<void> {
  if (process.geteuid?.() !== 0) {
    const [program, ...args] = plainInsideCommand(['rm', '-rf', '--one-file-system', '--', folder])
    await runProgram(program, args, {
      env: { PATH: buildPath(process.env), LC_ALL: 'C' },
      signal: new AbortController().signal,
    })
  }
  await rm(folder, { recursive: true, force: true })
}
