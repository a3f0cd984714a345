import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { VdcError } from '../../../core/errors.ts'
import type { Cancellation } from '../../../disk/watcher.ts'
import { failed, runInside } from '../inside/run-inside.ts'
import type { TreeAnswer, TreeRequest, TreeResult } from './tree-request.ts'

/** Seconds that it may take; a small guest takes two. */
const LIMIT = 900

/**
 * Finishes the files of a guest (`finishTree`) in a process that may read and change all of them.
 *
 * @param folder a folder of this process.
 * @throws VdcError GUEST_NOT_READY if the guest cannot be prepared, BUILD_FAILED, FILE_NOT_WRITTEN; the error of the
 *   cancellation.
 */
export async function runTreeWorker(
  folder: string,
  request: TreeRequest,
  env: Readonly<Record<string, string>>,
  cancellation: Cancellation,
): Promise<TreeResult> {
  const file = join(folder, 'request')
  await writeFile(file, JSON.stringify(request))
  // Found through the imports of package.json: the importing code may be in any bundle, so relative paths differ.
  const worker = createRequire(import.meta.url).resolve('#tree-worker')
  const { stdout, lastLines, exitCode } = await runInside(
    folder,
    { command: [process.execPath, worker, file], env, work: 'Finishing the guest', timeout: LIMIT },
    cancellation,
  )
  if (exitCode !== 0) {
    const why = lastLines.find((line) => /^\w*Error: /.test(line)) ?? lastLines.at(-1) ?? `exit code ${exitCode}`
    throw failed(`The files of the guest cannot be finished: ${why}`)
  }
  const answer = JSON.parse(Buffer.from(stdout, 'latin1').toString('utf8')) as TreeAnswer
  if ('result' in answer) return answer.result
  throw new VdcError('GUEST_NOT_READY', `The guest cannot be prepared: ${answer.refused.message}`, {
    hint: answer.refused.hint,
  })
}
