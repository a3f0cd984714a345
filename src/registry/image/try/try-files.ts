import { resolve } from 'node:path'
import { VdcError } from '../../../core/errors.ts'
import { type NewFile, withNewFile } from '../../../disk/make/new-file.ts'
import type { Trial } from '../../../guest/try/try-guest.ts'

/** The files that are written after a try. */
export interface TryFiles {
  /** Whether the last screen is written. */
  isScreenKept: boolean
  /**
   * Writes the consoles of all boots, and the screen of the last one.
   *
   * @throws VdcError FILE_EXISTS, FILE_NOT_WRITTEN.
   */
  write(trial: Trial): Promise<void>
}

/** Paths of the files; undefined for those that are not asked for. */
interface Paths {
  console: string | undefined
  screenshot: string | undefined
}

/**
 * Runs `work` that writes files at its end. What would prevent that is found out before.
 *
 * @throws VdcError VALUE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN; errors of `work`.
 */
export async function withTryFiles<T>(paths: Paths, work: (files: TryFiles) => Promise<T>): Promise<T> {
  const [one, other] = [paths.console, paths.screenshot].map((path) => path && resolve(path))
  if (one !== undefined && one === other)
    throw new VdcError('VALUE_REFUSED', `The console and the screenshot cannot both be written to ${paths.console}`)
  return withOptionalFile(paths.console, (consoleFile) =>
    withOptionalFile(paths.screenshot, (screenFile) =>
      work({
        isScreenKept: screenFile !== undefined,
        async write({ boots }) {
          await consoleFile?.write(Buffer.concat(boots.map(({ console }) => console)))
          const screen = boots.at(-1)?.screen
          if (screen !== undefined) await screenFile?.write(screen)
        },
      }),
    ),
  )
}

function withOptionalFile<T>(path: string | undefined, work: (file: NewFile | undefined) => Promise<T>): Promise<T> {
  return path === undefined ? work(undefined) : withNewFile(path, work)
}
