import { randomBytes } from 'node:crypto'
import { type FileHandle, link, lstat, open, realpath, rename, unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { basename, dirname } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { systemError } from '../../core/system-error.ts'
import { FOLDER, heldPath, isOnlyOurs, isOurs, isSameInode } from '../../disk/remove/held.ts'
import { addressInUse, listening } from './listening.ts'

/** Bytes in the path of a Unix socket (unix(7)). */
const LONGEST = 107
/** With this bit of a folder's mode, only the owner of a file in it can rename or remove the file. */
const STICKY = 0o1000n
/** Milliseconds in which a process takes a connection to its socket. */
const PATIENCE = 1000

/**
 * Lets a server listen on a Unix socket that only this user can use. Replaces the socket of a process that was killed.
 *
 * The socket is made under a name that nobody can guess, and gets its own name when it listens. Node would
 * otherwise remove whatever has this name when the server closes.
 *
 * @param path absolute.
 * @param isNear whether all clients are in its folder, so that its path may be long.
 * @returns a function that removes the socket, unless something else has its path by then.
 * @throws VdcError ADDRESS_IN_USE if a process listens on it, or something else is there; VALUE_REFUSED if the
 *   path cannot be used.
 */
export async function listenOnSocket(server: Server, path: string, isNear = false): Promise<() => Promise<void>> {
  if (!isNear && Buffer.byteLength(path) > LONGEST)
    throw new VdcError('VALUE_REFUSED', `The path of a socket cannot have more than ${LONGEST} bytes: ${path}`)
  if (path.endsWith('/')) throw new VdcError('VALUE_REFUSED', `The path of a socket cannot end with a slash: ${path}`)
  const folder = await openFolder(path)
  try {
    const made = hidden(folder)
    // Node binds the socket before this returns, so the socket never has another mode.
    const mask = process.umask(0o177)
    const isListening = listening(server, { path: made }, path)
    process.umask(mask)
    await isListening
    const ours = await lstat(made, { bigint: true })
    try {
      await giveName(folder, made, path)
    } finally {
      await unlink(made)
    }
    return async () => {
      const place = placeIn(folder, path)
      const there = await lstat(place, { bigint: true }).catch(() => undefined)
      if (isSameInode(ours, there)) await unlink(place).catch(() => {})
      await folder.close()
    }
  } catch (error) {
    await folder.close()
    throw error
  }
}

/** @throws VdcError VALUE_REFUSED if the folder of a socket cannot be opened, or other users could replace what is in it. */
async function openFolder(path: string): Promise<FileHandle> {
  const parent = dirname(path)
  try {
    const folder = await open(await realpath(parent), FOLDER)
    const stats = await folder.stat({ bigint: true })
    if (isOnlyOurs(stats) || (isOurs(stats) && (stats.mode & STICKY) !== 0n)) return folder
    await folder.close()
  } catch (error) {
    const reason = systemError((error as NodeJS.ErrnoException).code)
    throw new VdcError('VALUE_REFUSED', `No socket can be made in ${parent}: ${reason}`, { cause: error })
  }
  throw new VdcError('VALUE_REFUSED', `No socket is made in ${parent}, as other users could replace it there`, {
    hint: 'Choose a folder that only you can change',
  })
}

/** Returns where a socket is in its open folder, even if the folder was renamed. */
function placeIn(folder: FileHandle, path: string): string {
  return `${heldPath(folder)}/${basename(path)}`
}

/** Returns a new name in an open folder. */
function hidden(folder: FileHandle): string {
  return `${heldPath(folder)}/.${randomBytes(6).toString('hex')}`
}

async function giveName(folder: FileHandle, made: string, path: string): Promise<void> {
  const place = placeIn(folder, path)
  const isNamed = () =>
    link(made, place).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
  if (await isNamed()) return
  if (!(await removeDead(folder, place)) || !(await isNamed())) throw addressInUse(path)
}

/** Removes a socket of this user on which no process listens. Returns false if something else is there. */
async function removeDead(folder: FileHandle, place: string): Promise<boolean> {
  const found = await lstat(place, { bigint: true }).catch(() => undefined)
  if (found === undefined) return true
  if (!found.isSocket() || found.uid !== BigInt(process.geteuid?.() ?? -1) || !(await isDead(place))) return false
  // Another process may have replaced it since. Then it gets its socket back.
  const aside = hidden(folder)
  await rename(place, aside)
  const isFound = isSameInode(found, await lstat(aside, { bigint: true }))
  if (!isFound) await link(aside, place).catch(() => {})
  await unlink(aside)
  return isFound
}

function isDead(place: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: place })
    const settle = (isIt: boolean) => {
      socket.destroy()
      resolve(isIt)
    }
    socket.setTimeout(PATIENCE, () => settle(false))
    socket.once('connect', () => settle(false))
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'))
  })
}
