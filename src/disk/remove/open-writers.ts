import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import type { ImageFile } from '../file/image-file.ts'

/*
 * Finds processes that have a file open or mapped to write: proc(5), /proc/PID/fd,
 * fdinfo, maps and map_files. An existing mapping can be written without any trace in the file's
 * times; whoever maps it later leaves one, on most filesystems. A file is known by
 * its device and inode, as it may be open under another name.
 */

const WRITE_MODES = 0o3
/** Of a link in map_files: the file was opened to write. */
const OPENED_TO_WRITE = 0o200
const PID = /^[0-9]+$/

/** Says whether somebody other than root or us may write to a file, by its owner and its mode. */
export function isWritableByOthers({ opened: { uid, mode } }: ImageFile): boolean {
  return (mode & 0o022n) !== 0n || (uid !== 0n && uid !== BigInt(process.geteuid?.() ?? -1))
}

/**
 * Says whether another process of this host can write to a file right now, as
 * far as we may see: root sees all of them.
 */
export function hasWriters(file: ImageFile): boolean {
  const pids = (attempt(() => readdirSync('/proc')) ?? []).filter((name) => PID.test(name))
  return pids.some((pid) => {
    if (pid === String(process.pid)) return false
    const seen = livingThread(pid)
    return holdsOpen(seen, file) || holdsMapped(seen, file)
  })
}

/** The folder of a process in /proc, and its mappings. */
interface Seen {
  path: string
  maps: string
}

/** A process whose first thread has ended shows nothing of itself, so another of its threads is looked at. */
function livingThread(pid: string): Seen {
  const look = (path: string): Seen => ({ path, maps: attempt(() => readFileSync(`${path}/maps`, 'utf8')) ?? '' })
  const first = look(`/proc/${pid}`)
  if (first.maps !== '') return first
  const others = (attempt(() => readdirSync(`/proc/${pid}/task`)) ?? []).filter((thread) => thread !== pid)
  for (const thread of others) {
    const other = look(`/proc/${thread}`)
    if (other.maps !== '') return other
  }
  return first
}

function holdsOpen({ path }: Seen, { opened }: ImageFile): boolean {
  const descriptors = attempt(() => readdirSync(`${path}/fd`)) ?? []
  return descriptors.some((descriptor) => {
    const stats = attempt(() => statSync(`${path}/fd/${descriptor}`, { bigint: true }))
    if (stats?.ino !== opened.ino || stats.dev !== opened.dev) return false
    const info = attempt(() => readFileSync(`${path}/fdinfo/${descriptor}`, 'latin1')) ?? ''
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8)
    return (flags & WRITE_MODES) !== 0
  })
}

function holdsMapped({ path, maps }: Seen, { opened }: ImageFile): boolean {
  // Address, permissions, offset, device, inode, name. A shared mapping without `w` may get that again.
  return maps.split('\n').some((line) => {
    const [, range = '', inode = ''] = /^(\S+) ..[-x]s \S+ \S+ ([1-9][0-9]*)/.exec(line) ?? []
    if (range === '') return false
    const link = `${path}/map_files/${range.replaceAll(/(?<=^|-)0+(?=[0-9a-f])/g, '')}`
    const stats = attempt(() => statSync(link, { bigint: true }))
    // The device in `maps` is another one than stat's on some filesystems.
    if (stats === undefined) return inode === String(opened.ino)
    if (stats.ino !== opened.ino || stats.dev !== opened.dev) return false
    const mode = attempt(() => lstatSync(link).mode)
    return mode === undefined || (mode & OPENED_TO_WRITE) !== 0
  })
}

/** What goes away while it is looked at, or isn't ours to see, is not there. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
