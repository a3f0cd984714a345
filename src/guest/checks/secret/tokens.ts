import { homesOf } from '../../parsers/accounts.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import { join } from '../../tree/guest-files.ts'
import type { GuestCheck } from '../check.ts'
import { homeFiles } from './home-files.ts'

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

  async *run({ files }) {
    for (const home of await homesOf(files)) {
      for (const [name, kind] of Object.entries(KINDS)) {
        const found = await files.find(join(home, name))
        if (found?.stat.kind === 'file' && found.stat.size > 0)
          yield { message: `credentials are left (${kind})`, path: found.path }
      }
      for (const path of await files.matching(join(home, '.gnupg/private-keys-v1.d'), /\.key$/))
        yield { message: 'credentials are left (GnuPG)', path }
    }
    for (const [name, pattern, kind] of CONTENTS)
      for await (const { path } of homeFiles(files, [name]))
        if (pattern.test((await files.text(path)) ?? '')) yield { message: `credentials are left (${kind})`, path }
    for (const [folder, name, kind] of SYSTEM)
      for (const path of await filled(files, folder, name)) yield { message: `credentials are left (${kind})`, path }
  },
}

async function filled(files: GuestFiles, folder: string, name: RegExp): Promise<string[]> {
  const paths: string[] = []
  for (const path of await files.matching(folder, name))
    if (((await files.find(path))?.stat.size ?? 0) > 0) paths.push(path)
  return paths
}
