import { readdirSync, readFileSync, statSync } from 'node:fs'
import type { ImageFile } from './image-file.ts'

/*
 * Who has a file open or mapped to write: proc(5), /proc/PID/fd, fdinfo and maps.
 * What is mapped already can be changed without any trace in the file's times;
 * whoever maps it later leaves one.
 */

const WRITE_MODES = 0o3

/** Says whether somebody other than root or us may write to a file, by its owner and its mode. */
export function isWritableByOthers({ opened: { uid, mode } }: ImageFile): boolean {
  return (mode & 0o022n) !== 0n || (uid !== 0n && uid !== BigInt(process.geteuid?.() ?? -1))
}

/**
 * Says whether another process of this host can write to a file right now, as
 * far as we may see: root sees all of them.
 */
export function hasWriters(file: ImageFile): boolean {
  const pids = attempt(() => readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) ?? []
  return pids.some((pid) => pid !== String(process.pid) && (holdsOpen(pid, file) || holdsMapped(pid, file)))
}

function holdsOpen(pid: string, { opened }: ImageFile): boolean {
  const descriptors = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []
  return descriptors.some((descriptor) => {
    const stats = attempt(() => statSync(`/proc/${pid}/fd/${descriptor}`, { bigint: true }))
    if (stats?.ino !== opened.ino || stats.dev !== opened.dev) return false
    const info = attempt(() => readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'latin1')) ?? ''
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8)
    return (flags & WRITE_MODES) !== 0
  })
}

function holdsMapped(pid: string, { opened, path }: ImageFile): boolean {
  const maps = attempt(() => readFileSync(`/proc/${pid}/maps`, 'utf8')) ?? ''
  // Address, permissions, offset, device, inode, name. On some filesystems the device is another one than stat's.
  return maps.split('\n').some((line) => {
    const [, permissions = '', , , inode, ...name] = line.split(/ +/)
    return /w.s$/.test(permissions) && inode === String(opened.ino) && name.join(' ').startsWith(path)
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
