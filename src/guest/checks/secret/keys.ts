import { linesOf } from '../../parsers/lines.ts'
import { type FoundFile, type GuestFiles, join } from '../../tree/guest-files.ts'
import type { Finding, GuestCheck } from '../check.ts'
import { each } from '../each.ts'
import { filledFile, inHomes } from './home-files.ts'

/** Bytes at the start of a file that show whether it is a private key. */
const HEAD = 256
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-/
/** Folders of private keys of servers. */
const SERVER_KEYS = ['/etc/ssl/private', '/etc/pki/tls/private', '/etc/letsencrypt/live']

export const keys: GuestCheck = {
  id: 'secret.keys',
  severity: 'error',
  requirement: 'Nobody has left SSH keys or private keys.',
  looksAt: '`~/.ssh` of all accounts, `/etc/ssl/private`, `/etc/pki/tls/private`',
  remedy: 'Delete the keys.',

  async *run({ files }) {
    yield* inHomes({ files }, async function* (home) {
      const folder = join(home, '.ssh')
      for (const name of await files.names(folder)) {
        const found = await filledFile(files, folder, name)
        if (found !== undefined) yield* findingsOf(files, name, found)
      }
    })
    yield* each(SERVER_KEYS, async function* (folder) {
      for (const name of await files.names(folder)) {
        const found = await filledFile(files, folder, name)
        if (found !== undefined && (await isPrivateKey(files, found)))
          yield { result: 'warning', message: 'a private key that instances would share is left', path: found.path }
      }
    })
  },
}

async function* findingsOf(files: GuestFiles, name: string, found: FoundFile): AsyncGenerator<Finding> {
  const { path } = found
  if (/^authorized_keys2?$/.test(name)) {
    // The kind of a key says enough; the key and its comment would name its owner.
    for (const { number, text } of linesOf((await files.text(path)) ?? ''))
      yield {
        message: 'somebody may log in with a key',
        path,
        line: number,
        value: /\b(?:ssh|ecdsa|sk)-[\w@.-]+/.exec(text)?.[0] ?? 'key',
      }
  } else if (await isPrivateKey(files, found)) yield { message: 'a private key is left', path }
}

async function isPrivateKey(files: GuestFiles, found: FoundFile): Promise<boolean> {
  return PRIVATE_KEY.test(await files.start(found, HEAD))
}
