import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, readlink } from 'node:fs/promises'

/*
 * Files and folders by descriptor. Node has no openat(2) and the like: a name
 * below /proc/self/fd/N is resolved from the folder that is open as N, whatever
 * has become of its own name since (proc(5)).
 */

/** Flags that open a folder, and refuse a link to one. */
export const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Only finds a file, and does nothing to it: open(2), O_PATH. Node has no name for it. */
export const O_PATH = 0o10000000
/** Flags that make a file, and never open or follow an existing one. */
export const NEW_FILE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** The path under which this process reaches what a handle has open. */
export function heldPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`
}

/** Runs `work` on an open file, and closes it whatever happens. */
export async function holding<T>(handle: FileHandle, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

/** Opens what O_PATH found, and nothing else, whatever lies at its path by now. */
export async function reopen(found: FileHandle, flags: number): Promise<FileHandle> {
  return open(heldPath(found), flags)
}

/**
 * Returns the path of an open file, without links, as the kernel knows it;
 * undefined if it has none, such as a file that was removed.
 */
export async function pathOfOpen(handle: FileHandle): Promise<string | undefined> {
  const path = await readlink(heldPath(handle))
  const { nlink } = await handle.stat()
  return path.startsWith('/') && nlink > 0 ? path : undefined
}

/** Whether two looks saw the same file. */
export function isSameInode(one: Inode | undefined, other: Inode | undefined): boolean {
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino
}

type Inode = Pick<BigIntStats, 'dev' | 'ino'>
type Owned = Pick<BigIntStats, 'uid' | 'gid' | 'mode'>

/** Whether a file or folder belongs to root or to the user that we run as. */
export function isOurs({ uid }: Pick<Owned, 'uid'>): boolean {
  return uid === 0n || uid === BigInt(process.geteuid?.() ?? -1)
}

/**
 * Whether nobody but root and we can change a file, or the names in a folder, by
 * its owner and mode. The group's bits count as root, as they stand for POSIX ACLs
 * too (acl(5)); a user's own group is most often private.
 */
export function isOnlyOurs(stats: Owned): boolean {
  const user = process.geteuid?.()
  const isOwnGroup = user !== 0 && stats.gid === BigInt(process.getegid?.() ?? -1)
  return isOurs(stats) && (stats.mode & (isOwnGroup ? 0o002n : 0o022n)) === 0n
}
