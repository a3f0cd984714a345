import { bytesOf, folderOf, type GuestPath, nameOf, shown } from '../tree/guest-path.ts'
import type { GuestKind, GuestStat, GuestTree } from '../tree/guest-tree.ts'
import { Unreadable } from '../tree/undecided.ts'
import { CommandFailed, type Guestfish, OUTPUT } from './guestfish.ts'

/** Bytes of a folder above which its names are not read: guestfish would store all of them first. */
const LARGEST_FOLDER = 4 << 20
/** Bytes that guestfish prints in one answer. More is downloaded, which starts processes in the virtual machine. */
const LARGEST_ANSWER = 1 << 20
/** Names that guestfish takes as one word of a list. */
const PLAIN_NAME = /^[\w.@+-]+$/

/** File types in st_mode: inode(7). */
const KINDS: ReadonlyMap<number, GuestKind> = new Map([
  [0o010000, 'FIFO'],
  [0o040000, 'folder'],
  [0o100000, 'file'],
  [0o120000, 'link'],
  [0o140000, 'socket'],
])

/** The files of a guest whose filesystems a virtual machine has mounted. */
export class ApplianceTree implements GuestTree {
  readonly #guestfish: Guestfish
  readonly #problems: ReadonlyMap<GuestPath, string>

  /** @param problems why places cannot be read, because their filesystem is not mounted. */
  constructor(guestfish: Guestfish, problems: ReadonlyMap<GuestPath, string> = new Map()) {
    this.#guestfish = guestfish
    this.#problems = problems
  }

  async list(path: GuestPath, limit: number): Promise<string[] | undefined> {
    const stat = await this.lstat(path)
    if (stat?.kind !== 'folder') return undefined
    if (stat.size > LARGEST_FOLDER) throw new Unreadable(`${shown(path)} has too many names`)
    // Names have at most 255 bytes, and each ends with NUL.
    const names = await this.#ask(path, () => this.#guestfish.download(limit * 256, 'ls0', path, OUTPUT))
    return names?.toString('latin1').split('\0').slice(0, -1).slice(0, limit)
  }

  async lstat(path: GuestPath): Promise<GuestStat | undefined> {
    const answer = await this.#ask(path, () => this.#guestfish.run('lstatns', path))
    return answer === undefined ? undefined : statIn(answer)
  }

  async read(path: GuestPath, limit: number): Promise<Buffer> {
    const stat = await this.lstat(path)
    if (stat?.kind !== 'file') throw new Unreadable(`${shown(path)} is not a file`)
    const size = Math.min(stat.size, limit)
    if (size === 0) return Buffer.alloc(0)
    if (size <= LARGEST_ANSWER) {
      const answer = await this.#ask(path, () => this.#guestfish.run('pread', path, String(size), '0'))
      if (answer?.length === size) return bytesOf(answer)
    }
    const bytes = await this.#ask(path, () =>
      this.#guestfish.download(limit, 'download-offset', path, OUTPUT, '0', String(size)),
    )
    if (bytes === undefined) throw new Unreadable(`${shown(path)} disappeared`)
    return bytes
  }

  async readlink(path: GuestPath): Promise<string> {
    const name = nameOf(path)
    // It prints nothing for an error. Emulated, it takes a tenth of the time of `readlink`.
    if (PLAIN_NAME.test(name)) {
      const target = await this.#ask(path, () => this.#guestfish.run('readlinklist', folderOf(path), name))
      if (target !== undefined && target !== '\n') return target.replace(/\n$/, '')
    }
    const target = await this.#ask(path, () => this.#guestfish.run('readlink', path))
    if (target === undefined) throw new Unreadable(`${shown(path)} disappeared`)
    return target.replace(/\n$/, '')
  }

  /** Asks guestfish about a path; returns undefined if it does not exist. */
  async #ask<T>(path: GuestPath, question: () => Promise<T>): Promise<T | undefined> {
    for (const [place, problem] of this.#problems)
      if (path === place || path.startsWith(`${place}/`)) throw new Unreadable(shown(problem))
    try {
      return await question()
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      if (/: (?:No such file or directory|Not a directory)$/.test(error.message)) return undefined
      throw new Unreadable(`${shown(path)} cannot be read: ${shown(reasonIn(error.message))}`)
    }
  }
}

/** Returns what follows the last colon of a message of libguestfs, which is the reason. */
function reasonIn(message: string): string {
  return message.slice(message.lastIndexOf(': ') + 1).trim()
}

function statIn(answer: string): GuestStat {
  const numbers = new Map<string, number>()
  for (const [, name, number] of answer.matchAll(/^st_(\w+): (-?\d+)$/gm)) numbers.set(name as string, Number(number))
  const number = (name: string) => {
    const found = numbers.get(name)
    if (found === undefined) throw new Unreadable('guestfish does not report the properties of a file')
    return found
  }
  const mode = number('mode')
  return {
    kind: KINDS.get(mode & 0o170000) ?? 'device',
    mode: mode & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    size: number('size'),
    mtime: number('mtime_sec'),
  }
}
