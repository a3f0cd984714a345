import type { GuestFiles } from '../tree/guest-files.ts'
import { join } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import { Undecided, Unreadable } from '../tree/undecided.ts'
import { linesOf } from './lines.ts'

/** An account in passwd(5) or shadow(5). */
export interface PasswordEntry {
  path: GuestPath
  line: number
  name: string
  /** The second field: a hash, `x`, `*`, `!`, or nothing. Must never leave the program. */
  password: string
}

/** Accounts whose home folders are searched. */
const MOST_HOMES = 1000

/** Returns the password fields of /etc/shadow, and those of /etc/passwd that do not refer to it. */
export async function passwordEntries(files: GuestFiles): Promise<PasswordEntry[]> {
  const entries: PasswordEntry[] = []
  for (const path of ['/etc/passwd', '/etc/shadow'])
    for (const { number, text } of linesOf((await files.text(path)) ?? '')) {
      const [name, password] = text.split(':')
      if (name !== undefined && password !== undefined && !/^[+-]/.test(name))
        entries.push({ path, line: number, name, password })
    }
  return entries.filter(({ path, password }) => path === '/etc/shadow' || password !== 'x')
}

/** Home folders of a guest. */
export interface Homes {
  paths: GuestPath[]
  /** Why others are unknown. */
  unknown: Undecided[]
}

/**
 * Returns the home folders of all accounts, without links, each once: those in /etc/passwd, /root,
 * and those in /home whose accounts are gone.
 */
export async function homesOf(files: GuestFiles): Promise<Homes> {
  const named = linesOf((await files.text('/etc/passwd')) ?? '').flatMap(({ text }) => text.split(':')[5] ?? [])
  const left = (await files.names('/home')).map((name) => join('/home', name))
  const homes = new Set<GuestPath>()
  const unknown: Undecided[] = []
  for (const path of ['/root', ...named, ...left]) {
    try {
      const found = path.startsWith('/') ? await files.find(path) : undefined
      if (found?.stat.kind === 'folder' && found.path !== '/') homes.add(found.path)
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      unknown.push(error)
    }
    if (homes.size + unknown.length > MOST_HOMES) throw new Unreadable(`there are more than ${MOST_HOMES} home folders`)
  }
  return { paths: [...homes], unknown }
}
