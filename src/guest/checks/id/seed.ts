import { removalsOf } from '../../prepare/removals.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import { folderOf, type GuestPath } from '../../tree/guest-path.ts'
import type { GuestCheck } from '../check.ts'
import { each, editsOf, type Found, findingsOf } from '../each.ts'

/** Seeds and secrets that each instance must have for itself (https://systemd.io/BUILDING_IMAGES). */
const SECRETS = [
  '/var/lib/systemd/random-seed',
  '/var/lib/systemd/credential.secret',
  '/var/lib/urandom/random-seed',
  '/var/lib/random-seed',
  '/var/lib/misc/random-seed',
  '/var/lib/seedrng/seed.credit',
  '/var/lib/seedrng/seed.no-credit',
  '/boot/efi/loader/random-seed',
  '/efi/loader/random-seed',
  '/boot/loader/random-seed',
  '/var/lib/NetworkManager/secret_key',
  '/etc/hostid',
]

export const seed: GuestCheck = {
  id: 'id.seed',
  severity: 'warning',
  requirement: 'There is no random seed or secret that instances would share.',
  looksAt: SECRETS.map((path) => `\`${path}\``).join(', '),
  remedy: 'Delete the file; it is made anew.',
  prepares: 'Deletes the files.',

  run({ files }) {
    return findingsOf(secrets(files), (path) => ({ message: 'a random seed or secret of the builder is left', path }))
  },

  prepare({ files }) {
    return editsOf(secrets(files), (path) => removalsOf(files, path, folderOf(path)))
  },
}

function secrets(files: GuestFiles): AsyncGenerator<Found<GuestPath>> {
  return each(SECRETS, async function* (path) {
    const found = await files.find(path)
    if (found?.stat.kind === 'file' && found.stat.size > 0) yield path
  })
}
