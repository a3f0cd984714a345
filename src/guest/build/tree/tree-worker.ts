import { readFileSync } from 'node:fs'
import { VdcError } from '../../../core/errors.ts'
import { Undecided } from '../../tree/undecided.ts'
import { finishTree } from './finish-tree.ts'
import type { TreeAnswer, TreeRequest } from './tree-request.ts'

/*
 * The entry point of dist/tree-worker.cjs, a process that finishes the files of a new guest. It is one of its own
 * because only root of the namespace in which the files were made can read and change all of them.
 *   tree-worker.cjs FILE, which has the request as JSON
 */

async function answerTo(file: string): Promise<TreeAnswer> {
  try {
    return { result: await finishTree(JSON.parse(readFileSync(file, 'utf8')) as TreeRequest) }
  } catch (error) {
    if (error instanceof VdcError) return { refused: { message: error.message, hint: error.hint } }
    if (error instanceof Undecided) return { refused: { message: error.message, hint: undefined } }
    throw error
  }
}

void answerTo(process.argv[2] as string).then((answer) => {
  process.stdout.write(JSON.stringify(answer))
})
