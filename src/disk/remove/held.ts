import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, readlink } from 'node:fs/promises'

/*
 * Access to files and folders by descriptor. Node has no openat(2), but a path below
 * /proc/self/fd/N is resolved from the folder that is open as N, even if that folder was
 * renamed (proc(5)).
 */

/** Flags that open a folder, and refuse a link to one. */
export const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** The flag that finds a file without opening it: open(2), O_PATH. Node has no constant for it. */
export const O_PATH = 0o10000000
/** Flags that create a file, and never open an existing file or follow a link. */
export const NEW_FILE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** Returns the path through which this process can access an open file or folder. */
export function heldPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`
}

/** Runs `work` on an open file, and closes the file in any case. */
export async function holding<T>(handle: FileHandle, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

/** Opens the file that O_PATH found, even if another file has its path by now. */
export async function reopen(found: FileHandle, flags: number): Promise<FileHandle> {
  return open(heldPath(found), flags)
}

/** Returns the real path of an open file; undefined if it has none, for example because it was removed. */
export async function pathOfOpen(handle: FileHandle): Promise<string | undefined> {
  const path = await readlink(heldPath(handle))
  const { nlink } = await handle.stat()
  return path.startsWith('/') && nlink > 0 ? path : undefined
}

/** Returns true if two stats are of the same file. */
export function isSameInode(one: Inode | undefined, other: Inode | undefined): boolean {
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino
}

type Inode = Pick<BigIntStats, 'dev' | 'ino'>
type Owned = Pick<BigIntStats, 'uid' | 'gid' | 'mode'>

/** Returns true if a file or folder belongs to root or this user. */
export function isOurs({ uid }: Pick<Owned, 'uid'>): boolean {
  return uid === 0n || uid === BigInt(process.geteuid?.() ?? -1)
}

/**
 * Returns true if only root and this user can change a file, or the names in a folder, judging by
 * owner and mode. The group's write permission counts, also because it may stand for POSIX ACLs
 * (acl(5)). It is ignored for an ordinary user's own group, which is usually private.
 */
export function isOnlyOurs(stats: Owned): boolean {
  const user = process.geteuid?.()
  const isOwnGroup = user !== 0 && stats.gid === BigInt(process.getegid?.() ?? -1)
  return isOurs(stats) && (stats.mode & (isOwnGroup ? 0o002n : 0o022n)) === 0n
}
