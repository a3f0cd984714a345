import { removalsOf } from '../../prepare/removals.ts'
import { type GuestFiles, join } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import type { GuestCheck } from '../check.ts'
import { each, editsOf, type Found, findingsOf } from '../each.ts'
import { filledFile, inHomes } from './home-files.ts'

/** Files in home folders that hold credentials, and of what. */
const KINDS: Readonly<Record<string, string>> = {
  '.aws/credentials': 'Amazon',
  '.azure/accessTokens.json': 'Azure',
  '.azure/msal_token_cache.json': 'Azure',
  '.boto': 'Google or Amazon',
  '.config/gcloud/application_default_credentials.json': 'Google',
  '.config/gcloud/credentials.db': 'Google',
  '.config/gh/hosts.yml': 'GitHub',
  '.config/git/credentials': 'git',
  '.config/openstack/clouds.yaml': 'OpenStack',
  '.config/rclone/rclone.conf': 'rclone',
  '.git-credentials': 'git',
  '.kube/config': 'Kubernetes',
  '.my.cnf': 'MySQL',
  '.netrc': 'netrc',
  '.pgpass': 'PostgreSQL',
  '.pypirc': 'PyPI',
  '.s3cfg': 's3cmd',
  '.vault-token': 'Vault',
}
/** Files that hold credentials only if they contain certain keys. */
const CONTENTS: readonly [name: string, pattern: RegExp, kind: string][] = [
  ['.docker/config.json', /"auth"\s*:\s*"[^"]/, 'Docker'],
  ['.npmrc', /_auth(?:Token)?\s*=|_password\s*=/, 'npm'],
]
/** Files and folders of the system that hold credentials. */
const SYSTEM: readonly [folder: string, name: RegExp, kind: string][] = [
  ['/etc/apt', /^auth\.conf$/, 'APT'],
  ['/etc/apt/auth.conf.d', /\.conf$/, 'APT'],
  ['/etc/pki/entitlement', /-key\.pem$/, 'Red Hat'],
  ['/etc/pki/consumer', /^key\.pem$/, 'Red Hat'],
]

export const tokens: GuestCheck = {
  id: 'secret.tokens',
  severity: 'error',
  requirement: 'There are no credentials of clouds, repositories and databases.',
  looksAt: `in the home folders of all accounts: ${[...Object.keys(KINDS), ...CONTENTS.map(([name]) => name), '.gnupg/private-keys-v1.d'].map((name) => `\`${name}\``).join(', ')}; \`/etc/apt/auth.conf\`, \`/etc/pki/entitlement\``,
  remedy: 'Delete the file, and revoke the credentials.',
  prepares: 'Deletes the files.',

  run({ files }) {
    return findingsOf(credentials(files), ({ kind, path }) => ({ message: `credentials are left (${kind})`, path }))
  },

  prepare({ files }) {
    return editsOf(credentials(files), ({ path, within }) => removalsOf(files, path, within))
  },
}

/** A file with credentials. */
interface Credentials {
  kind: string
  path: GuestPath
  /** The home folder or the folder of the system in which it was found. */
  within: GuestPath
}

async function* credentials(files: GuestFiles): AsyncGenerator<Found<Credentials>> {
  yield* inHomes({ files }, async function* (home): AsyncGenerator<Credentials> {
    for (const [name, kind] of Object.entries(KINDS))
      if ((await filledFile(files, home, name)) !== undefined) yield { kind, path: join(home, name), within: home }
    for (const [name, pattern, kind] of CONTENTS)
      if (pattern.test((await files.text(join(home, name))) ?? '')) yield { kind, path: join(home, name), within: home }
    for (const path of await files.matching(join(home, '.gnupg/private-keys-v1.d'), /\.key$/))
      yield { kind: 'GnuPG', path, within: home }
  })
  yield* each(SYSTEM, async function* ([folder, pattern, kind]): AsyncGenerator<Credentials> {
    for (const name of await files.names(folder))
      if (pattern.test(name) && (await filledFile(files, folder, name)) !== undefined)
        yield { kind, path: join(folder, name), within: folder }
  })
}
