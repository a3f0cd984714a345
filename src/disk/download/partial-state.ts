import { constants } from 'node:fs'
import { open, rename, unlink } from 'node:fs/promises'
import type { PrivateFolder } from '../folder/private-folder.ts'
import { holding, NEW_FILE } from '../remove/held.ts'

/** What a later run must know to resume a download. */
export interface PartialState {
  /** Key of the download. Without it, a private folder is not a left-over of ours. */
  key: string
  /** What identifies the contents on the server, for If-Range; null if the download cannot be resumed. */
  validator: string | null
  /** Bytes of the whole file; null if the server did not tell. */
  total: number | null
  /** When its download began, in milliseconds since 1970. */
  at: number
}

/** The name of the file with the state. */
export const STATE = 'state'
/** The name of a state that is not complete. */
export const DRAFT = `${STATE}.new`
/** Bytes of a state that are read. */
const LIMIT = 64 * 1024

/**
 * Writes the state of a download, replacing an earlier one as a whole.
 *
 * @throws Error of the system.
 */
export async function writeState(folder: PrivateFolder, state: PartialState): Promise<void> {
  const draft = `${folder.path}/${DRAFT}`
  await unlink(draft).catch(() => {})
  await holding(await open(draft, NEW_FILE, 0o600), (file) => file.writeFile(JSON.stringify(state)))
  await rename(draft, `${folder.path}/${STATE}`)
}

/** Reads the state of a download; undefined if there is none. */
export async function readState(folder: PrivateFolder): Promise<PartialState | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(`${folder.path}/${STATE}`, flags).catch(() => undefined)
  if (file === undefined) return undefined
  return holding(file, async () => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LIMIT), 0, LIMIT, 0)
    return parse(buffer.toString('utf8', 0, bytesRead))
  })
}

function parse(text: string): PartialState | undefined {
  try {
    const { key, validator, total, at } = JSON.parse(text)
    const isState =
      typeof key === 'string' &&
      (validator === null || typeof validator === 'string') &&
      (total === null || Number.isSafeInteger(total)) &&
      Number.isSafeInteger(at)
    return isState ? { key, validator, total, at } : undefined
  } catch {
    return undefined
  }
}
