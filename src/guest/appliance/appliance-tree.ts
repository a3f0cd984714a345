import { bytesOf, folderOf, type GuestPath, nameOf, shown } from '../tree/guest-path.ts'
import type { GuestStat, GuestTree } from '../tree/guest-tree.ts'
import { Unreadable } from '../tree/undecided.ts'
import { OUTPUT } from './command-line.ts'
import { type FolderContents, isPlain, readFolder, readLinks } from './folder-contents.ts'
import { CommandFailed, type Guestfish } from './guestfish.ts'
import { statIn } from './stat-answers.ts'

/** Bytes of a folder above which its names are not read: guestfish would store all of them first. */
const LARGEST_FOLDER = 4 << 20
/** Bytes that guestfish prints in one answer. More is downloaded, which starts processes in the virtual machine. */
const LARGEST_ANSWER = 1 << 20
/** Questions about names in a folder after which the whole folder is read. */
const FEW_QUESTIONS = 2

/**
 * The files of a guest whose filesystems a virtual machine has mounted, and which do not change. Each command
 * takes milliseconds, so folders that are asked about often are read at once.
 */
export class ApplianceTree implements GuestTree {
  readonly #guestfish: Guestfish
  readonly #problems: ReadonlyMap<GuestPath, string>
  readonly #questions = new Map<GuestPath, number>()
  /** What folders contain; undefined for those that are not read at once. */
  readonly #contents = new Map<GuestPath, Promise<FolderContents | undefined>>()
  readonly #links = new Map<GuestPath, Promise<Map<string, string> | undefined>>()

  /** @param problems why places cannot be read, because their filesystem is not mounted. */
  constructor(guestfish: Guestfish, problems: ReadonlyMap<GuestPath, string> = new Map()) {
    this.#guestfish = guestfish
    this.#problems = problems
  }

  async list(path: GuestPath, limit: number): Promise<string[] | undefined> {
    const stat = await this.lstat(path)
    if (stat?.kind !== 'folder') return undefined
    if (stat.size > LARGEST_FOLDER) throw new Unreadable(`${shown(path)} has too many names`)
    const contents = await this.#contentsOf(path, stat.size)
    if (contents?.isComplete) return [...contents.stats.keys()].slice(0, limit)
    // Names have at most 255 bytes, and each ends with NUL.
    const names = await this.#ask(path, () => this.#guestfish.download(limit * 256, 'ls0', path, OUTPUT))
    return names?.toString('latin1').split('\0').slice(0, -1).slice(0, limit)
  }

  async lstat(path: GuestPath): Promise<GuestStat | undefined> {
    this.#requireMounted(path)
    const contents = isPlain(nameOf(path)) ? await this.#contentsAround(folderOf(path)) : undefined
    const isAlone = contents?.stats.has(nameOf(path)) && contents.stats.get(nameOf(path)) === undefined
    if (contents !== undefined && !isAlone) return contents.stats.get(nameOf(path))
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
    // Emulated, it takes a tenth of the time of `readlink`.
    const targets = await this.#ask(path, () => this.#targetsBeside(path))
    const known = targets?.get(nameOf(path))
    if (known !== undefined) return known
    const target = await this.#ask(path, () => this.#guestfish.run('readlink', path))
    if (target === undefined) throw new Unreadable(`${shown(path)} disappeared`)
    return target.replace(/\n$/, '')
  }

  /** Returns what a folder contains, if it has been asked about often; undefined if it was not read. */
  async #contentsAround(folder: GuestPath): Promise<FolderContents | undefined> {
    const questions = (this.#questions.get(folder) ?? 0) + 1
    this.#questions.set(folder, questions)
    if (this.#contents.has(folder)) return this.#contents.get(folder)
    if (questions <= FEW_QUESTIONS) return undefined
    const stat = await this.lstat(folder)
    return stat?.kind === 'folder' ? this.#contentsOf(folder, stat.size) : undefined
  }

  #contentsOf(folder: GuestPath, size: number): Promise<FolderContents | undefined> {
    const contents = this.#contents.get(folder) ?? this.#ask(folder, () => readFolder(this.#guestfish, folder, size))
    this.#contents.set(folder, contents)
    return contents
  }

  /** Returns the targets of a link and of those in its folder that are known. */
  #targetsBeside(path: GuestPath): Promise<Map<string, string> | undefined> {
    const folder = folderOf(path)
    const read = async () => {
      const contents = await this.#contents.get(folder)
      const links = [...(contents?.stats ?? [])].filter(([, stat]) => stat?.kind === 'link').map(([name]) => name)
      if (contents === undefined && isPlain(nameOf(path))) links.push(nameOf(path))
      return links.length === 0 ? undefined : readLinks(this.#guestfish, folder, links)
    }
    const isWhole = this.#contents.has(folder)
    const targets = this.#links.get(folder) ?? read()
    if (isWhole) this.#links.set(folder, targets)
    return targets
  }

  /** Asks guestfish about a path; returns undefined if it does not exist. */
  async #ask<T>(path: GuestPath, question: () => Promise<T>): Promise<T | undefined> {
    this.#requireMounted(path)
    try {
      return await question()
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      if (/: (?:No such file or directory|Not a directory)$/.test(error.message)) return undefined
      throw new Unreadable(`${shown(path)} cannot be read: ${shown(reasonIn(error.message))}`)
    }
  }

  #requireMounted(path: GuestPath): void {
    for (const [place, problem] of this.#problems)
      if (path === place || path.startsWith(`${place}/`)) throw new Unreadable(shown(problem))
  }
}

/** Returns what follows the last colon of a message of libguestfs, which is the reason. */
function reasonIn(message: string): string {
  return message.slice(message.lastIndexOf(': ') + 1).trim()
}
