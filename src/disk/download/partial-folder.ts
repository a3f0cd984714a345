import { createHash } from 'node:crypto'
import { type FileHandle, open, opendir, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { isPrivate, makePrivateFolder, type PrivateFolder, removePrivateFolder } from '../folder/private-folder.ts'
import { PARTIAL_PREFIX } from '../folder/work-folder.ts'
import type { OutputPlace } from '../make/output-place.ts'
import { FOLDER, heldPath, holding, isSameInode } from '../remove/held.ts'
import { freeName, isUsed, nameForUs, parseName } from './partial-name.ts'
import { DRAFT, type PartialState, readState, STATE } from './partial-state.ts'

/*
 * A partial download is in a private folder beside its place. The folder's name tells which
 * download it is and which process uses it, if any, so renaming it takes it over: of several
 * processes, only one succeeds.
 */

/** Milliseconds after which a partial download that nobody resumed is removed. */
const STALE = 7 * 24 * 60 * 60 * 1000
/** Entries of a folder that are searched at most: another user's folder may have millions. */
const MOST_ENTRIES = 100_000

/** A folder in which a file is downloaded, and what an earlier run has left in it. */
export interface PartialFolder {
  folder: PrivateFolder
  state: PartialState | undefined
}

/** Returns the key of a download: the same for the same URL and name. */
export function keyOf(url: URL, name: string): string {
  return createHash('sha256').update(`${url.href}\0${name}`).digest('hex').slice(0, 16)
}

/**
 * Opens the folder of a download: the one that an earlier run left, or a new one. Removes other
 * left-overs that are old.
 *
 * @throws VdcError DOWNLOAD_RUNNING if another process uses it; FILE_NOT_WRITTEN; Error of the system.
 */
export async function openPartialFolder(place: OutputPlace, key: string): Promise<PartialFolder> {
  let found: PartialFolder | undefined
  for (const name of await partialNames(place.folder)) {
    const parsed = parseName(name)
    if (parsed === undefined) continue
    if (isUsed(parsed)) {
      // Anybody can make a folder of this name where others may write.
      if (parsed.key === key && (await isOurs(place.folder, name))) throw running(place, parsed.pid)
    } else if (parsed.key !== key) await removeIfStale(place.folder, name)
    else found ??= await takeOver(place.folder, name, key)
  }
  if (found !== undefined) return found
  const folder = await makePrivateFolder(place.folder, `${nameForUs(key)}.`, dirname(place.path))
  return { folder, state: undefined }
}

/** Removes what earlier runs left of a download whose file is there. */
export async function removeLeftOvers(place: OutputPlace, key: string): Promise<void> {
  for (const name of await partialNames(place.folder)) {
    const parsed = parseName(name)
    if (parsed?.key !== key || isUsed(parsed)) continue
    const left = await takeOver(place.folder, name, key)
    if (left !== undefined) await removePartialFolder(place, left.folder)
  }
}

/** Removes the folder of a download and what is in it, and closes it. */
export async function removePartialFolder(place: OutputPlace, folder: PrivateFolder): Promise<void> {
  await holding(folder.handle, () => removePrivateFolder(place.folder, folder, STATE))
}

/** Leaves the folder of a download to a later run, and closes it. */
export async function leavePartialFolder(place: OutputPlace, folder: PrivateFolder): Promise<void> {
  const names = [folder.name, freeName(folder.name)].map((name) => `${heldPath(place.folder)}/${name}`)
  await holding(folder.handle, () => rename(names[0] as string, names[1] as string).catch(() => {}))
}

async function partialNames(parent: FileHandle): Promise<string[]> {
  const names: string[] = []
  let looked = 0
  for await (const { name } of await opendir(heldPath(parent))) {
    if (++looked > MOST_ENTRIES) break
    if (name.startsWith(`${PARTIAL_PREFIX}.`)) names.push(name)
  }
  return names
}

/** Takes over a folder that an earlier run left; undefined if it is not ours, or another process was faster. */
async function takeOver(parent: FileHandle, name: string, key: string): Promise<PartialFolder | undefined> {
  const left = await openLeft(parent, name, key)
  if (left === undefined) return undefined
  const { folder, state } = left
  try {
    const taken = `${nameForUs(key)}.${parseName(name)?.random}`
    await rename(`${heldPath(parent)}/${name}`, `${heldPath(parent)}/${taken}`)
    const there = await open(`${heldPath(parent)}/${taken}`, FOLDER)
    const stats = await holding(there, () => there.stat({ bigint: true }))
    if (isSameInode(stats, await folder.handle.stat({ bigint: true })))
      return { folder: { ...folder, name: taken }, state }
  } catch {
    // Another process was faster.
  }
  await folder.handle.close()
  return undefined
}

/** Opens a folder that an earlier run left, if it is private and its state is that of the download. */
async function openLeft(
  parent: FileHandle,
  name: string,
  key: string,
): Promise<{ folder: PrivateFolder; state: PartialState } | undefined> {
  const handle = await open(`${heldPath(parent)}/${name}`, FOLDER).catch(() => undefined)
  if (handle === undefined) return undefined
  const folder = { handle, name, path: heldPath(handle) }
  const [stats, around] = await Promise.all([handle.stat({ bigint: true }), parent.stat({ bigint: true })])
  const state = isPrivate(stats, around) ? await readState(folder) : undefined
  if (state?.key === key) return { folder, state }
  // A process that was killed before it wrote the state has left a folder with nothing else.
  if (isPrivate(stats, around) && state === undefined) {
    await unlink(`${folder.path}/${DRAFT}`).catch(() => {})
    await rmdir(`${heldPath(parent)}/${name}`).catch(() => {})
  }
  await handle.close()
  return undefined
}

/** Returns true if a folder is private, so that this user made it. */
async function isOurs(parent: FileHandle, name: string): Promise<boolean> {
  const handle = await open(`${heldPath(parent)}/${name}`, FOLDER).catch(() => undefined)
  if (handle === undefined) return false
  return holding(handle, async () =>
    isPrivate(await handle.stat({ bigint: true }), await parent.stat({ bigint: true })),
  )
}

async function removeIfStale(parent: FileHandle, name: string): Promise<void> {
  const left = await openLeft(parent, name, parseName(name)?.key ?? '')
  if (left === undefined) return
  await holding(left.folder.handle, async () => {
    // A date in the future is from a clock that was wrong.
    if (Math.abs(Date.now() - left.state.at) > STALE) await removePrivateFolder(parent, left.folder, STATE)
  })
}

function running({ path }: OutputPlace, pid: string): VdcError {
  return new VdcError('DOWNLOAD_RUNNING', `Another process is downloading ${path} (PID ${pid})`, {
    hint: 'Wait until it ends, and run the same command again: a finished file is used as it is',
  })
}
