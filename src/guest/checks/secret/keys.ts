import { linesOf } from '../../parsers/lines.ts'
import { removalsOf } from '../../prepare/removals.ts'
import { type FoundFile, type GuestFiles, join } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import type { Finding, GuestCheck } from '../check.ts'
import { each, editsOf, type Found, findingsOf } from '../each.ts'
import { filledFile, inHomes } from './home-files.ts'

/** Bytes at the start of a file that show whether it is a private key. */
const HEAD = 256
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-/
/** Folders of private keys of servers. */
const SERVER_KEYS = ['/etc/ssl/private', '/etc/pki/tls/private', '/etc/letsencrypt/live']

/** A file with keys. */
interface KeyFile {
  kind: 'authorized' | 'private' | 'server'
  /** Without links. */
  path: GuestPath
  named: GuestPath
  /** The home folder or the folder of the system in which it was found. */
  within: GuestPath
  /** Of a key in authorized_keys. */
  line?: number
  value?: string
}

export const keys: GuestCheck = {
  id: 'secret.keys',
  severity: 'error',
  requirement: 'Nobody has left SSH keys or private keys.',
  looksAt: '`~/.ssh` of all accounts, `/etc/ssl/private`, `/etc/pki/tls/private`',
  remedy: 'Delete the keys.',
  prepares: 'Deletes the SSH keys. Keys of other servers stay, because the servers would not start without them.',

  run({ files, keepsKeys }) {
    return findingsOf(keyFiles(files), (key) => ({
      ...findingOf(key),
      ...(keepsKeys && key.kind === 'authorized' && { result: 'note' as const }),
    }))
  },

  prepare({ files }, { keepKeys }) {
    return editsOf(keyFiles(files), async (key) => {
      if (key.kind === 'server' || (key.kind === 'authorized' && keepKeys)) return []
      // A private key is a secret wherever it is. What leads to other files may lead to /etc/passwd.
      return removalsOf(files, key.named, key.kind === 'private' ? '/' : key.within)
    })
  },
}

async function* keyFiles(files: GuestFiles): AsyncGenerator<Found<KeyFile>> {
  yield* inHomes({ files }, async function* (home) {
    const folder = join(home, '.ssh')
    for (const name of await files.names(folder)) {
      const found = await filledFile(files, folder, name)
      if (found !== undefined) yield* keysIn(files, home, join(folder, name), found)
    }
  })
  yield* each(SERVER_KEYS, async function* (folder): AsyncGenerator<KeyFile> {
    for (const name of await files.names(folder)) {
      const found = await filledFile(files, folder, name)
      if (found !== undefined && (await isPrivateKey(files, found)))
        yield { kind: 'server', path: found.path, named: join(folder, name), within: folder }
    }
  })
}

async function* keysIn(
  files: GuestFiles,
  within: GuestPath,
  named: GuestPath,
  found: FoundFile,
): AsyncGenerator<KeyFile> {
  const { path } = found
  if (/\/authorized_keys2?$/.test(named)) {
    for (const { number, text } of linesOf((await files.text(path)) ?? '')) {
      // The kind of a key says enough; the key and its comment would name its owner.
      const value = /\b(?:ssh|ecdsa|sk)-[\w@.-]+/.exec(text)?.[0] ?? 'key'
      yield { kind: 'authorized', path, named, within, line: number, value }
    }
  } else if (await isPrivateKey(files, found)) yield { kind: 'private', path, named, within }
}

function findingOf({ kind, path, line, value }: KeyFile): Finding {
  if (kind === 'authorized')
    return { message: 'somebody may log in with a key', path, ...(line && { line }), ...(value && { value }) }
  if (kind === 'private') return { message: 'a private key is left', path }
  return {
    result: 'warning',
    message: 'a private key that instances would share is left',
    path,
    remedy: 'Have each instance make its own key, or delete the key and what uses it.',
  }
}

async function isPrivateKey(files: GuestFiles, found: FoundFile): Promise<boolean> {
  return PRIVATE_KEY.test(await files.start(found, HEAD))
}
