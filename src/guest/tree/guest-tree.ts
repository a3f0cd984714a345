import type { GuestPath } from './guest-path.ts'

/** What a name in a guest stands for. */
export type GuestKind = 'file' | 'folder' | 'link' | 'FIFO' | 'device' | 'socket'

/** The properties of a file, folder or link in a guest. */
export interface GuestStat {
  kind: GuestKind
  /** Permission bits, including setuid, setgid and sticky. */
  mode: number
  uid: number
  gid: number
  /** Bytes. */
  size: number
  /** Time of the last change of the contents, in seconds since 1970. */
  mtime: number
}

/**
 * The files of a guest, as a source provides them: an unpacked folder, or a virtual machine that
 * reads the disk. A source is given paths without `.`, `..` and links, as GuestFiles resolves them,
 * and never follows a link. Its answers are untrusted.
 *
 * All functions throw Unreadable if the source cannot tell, for example because access is denied or
 * the filesystem is damaged.
 */
export interface GuestTree {
  /**
   * Returns at most `limit` names of a folder, without `.` and `..`, in any order.
   * Returns undefined if there is no such folder.
   */
  list(path: GuestPath, limit: number): Promise<string[] | undefined>
  /** Returns the properties of a path, also of a link; undefined if it does not exist. */
  lstat(path: GuestPath): Promise<GuestStat | undefined>
  /** Returns at most `limit` bytes from the start of a regular file. Never opens anything else. */
  read(path: GuestPath, limit: number): Promise<Buffer>
  /** Returns the target of a link. */
  readlink(path: GuestPath): Promise<string>
}
