import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { notWritten } from '../../disk/file/write-error.ts'
import { boundCommand } from '../../disk/qemu/bound-command.ts'
import { type Ended, runProgram } from '../../disk/qemu/run-program.ts'
import type { LoginEvent, SshEvent } from './event.ts'
import { plainText } from './plain-text.ts'

/** Where a guest's port 22 is reached. */
export interface SshTarget {
  /** An address of this host. */
  host: string
  port: number
  signal: AbortSignal
}

/** Users whom images let in with a key of the metadata, in the order in which they are tried. */
const USERS = ['root', 'admin', 'debian', 'ubuntu', 'centos', 'ec2-user', 'cloud-user', 'fedora', 'rocky', 'user']

/** Seconds that sshd may take to answer, and to open a session. An emulated guest takes several. */
const [SCAN_LIMIT, LOGIN_LIMIT] = [20, 60]
const LONGEST_BANNER = 100
/** The name of the guest in its file of known host keys. */
const ALIAS = 'guest'
/** The name of that file, beside the private key. */
const KNOWN_HOSTS = 'known-hosts'
const TYPES = ['ed25519', 'ecdsa', 'rsa']
const KEY = /^\S+ ((?:ssh|ecdsa)-[a-z0-9-]{1,40}) ([A-Za-z0-9+/]{20,4000}={0,2})$/gm
const BANNER = /^# .*?(SSH-[\d.]{1,5}-.*)$/m

/** Host keys as lines of known_hosts(5), and what sshd showed. */
export interface FoundSsh {
  event: SshEvent
  knownHosts: string
}

/** Returns what sshd of a guest shows to everyone; undefined if it does not answer within some seconds. */
export async function findSsh({ host, port, signal }: SshTarget): Promise<FoundSsh | undefined> {
  const options = ['-T', String(SCAN_LIMIT), '-p', String(port), '-t', TYPES.join()]
  // It waits for each type of key.
  const limit = TYPES.length * SCAN_LIMIT
  const { stdout, stderr, isKilledFor } = await run('ssh-keyscan', [...options, host], limit, signal)
  // Its keys may have been about to come.
  if (signal.aborted || isKilledFor === 'time') return undefined
  // Releases of OpenSSH differ in where they print banners.
  const [, banner] = BANNER.exec(stderr) ?? BANNER.exec(stdout) ?? []
  if (banner === undefined) return undefined
  const keys = [...stdout.matchAll(KEY)].map(([, type, key]) => ({ type: type as string, key: key as string }))
  return {
    event: {
      kind: 'ssh',
      banner: plainText(banner, LONGEST_BANNER),
      hostKeys: Object.fromEntries(keys.map(({ type, key }) => [type, fingerprint(key)])),
    },
    knownHosts: keys.map(({ type, key }) => `${ALIAS} ${type} ${key}\n`).join(''),
  }
}

/** As `ssh-keygen -l` prints it. */
function fingerprint(key: string): string {
  const hash = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64')
  return `SHA256:${hash.replace(/=+$/, '')}`
}

/** Prints the host name and the machine-id behind a mark, in any shell. */
const COMMAND = 'echo vdc-manage; uname -n; cat /etc/machine-id'
const ANSWER = /^vdc-manage\n(.+)\n([0-9a-f]{32}(?=\n|$))?/
/** What cloud-init has root print. */
const OTHER_USER = /Please login as the user "([a-z_][a-z0-9_-]{0,31})"/

/**
 * Logs in to a guest, and asks it for its names.
 *
 * @param key the path of a private key, in a folder of this process alone.
 * @param found of the same guest; other host keys are refused.
 * @returns with the user who was let in; without one if none was.
 * @throws VdcError FILE_NOT_WRITTEN if the host keys cannot be stored beside the key.
 */
export async function logIn(target: SshTarget, key: string, found: FoundSsh): Promise<LoginEvent> {
  const folder = dirname(key)
  const knownHosts = join(folder, KNOWN_HOSTS)
  await writeFile(knownHosts, found.knownHosts, { mode: 0o600 }).catch((error: unknown) => {
    throw notWritten(knownHosts, error)
  })
  const users = [...USERS]
  for (const user of users) {
    const args = [...sshOptions(basename(key)), '-p', String(target.port), '-l', user, target.host, COMMAND]
    const { stdout, stderr } = await run('ssh', args, LOGIN_LIMIT, target.signal, folder)
    const [, hostName, machineId] = ANSWER.exec(stdout) ?? []
    if (hostName !== undefined) return { kind: 'login', user, hostName: plainText(hostName, 80), machineId }
    const [, other] = OTHER_USER.exec(stdout + stderr) ?? []
    if (other !== undefined && !users.includes(other) && users.length === USERS.length) users.push(other)
    if (target.signal.aborted) break
  }
  return { kind: 'login', user: undefined, hostName: undefined, machineId: undefined }
}

/**
 * Nothing of the user's configuration, agent or keys is used, and nothing is forwarded to the guest. Files are named
 * relative to their folder, because ssh takes apart paths with spaces, quotes or percent signs.
 */
function sshOptions(key: string): string[] {
  const options = [
    ...['BatchMode=yes', `ConnectTimeout=${SCAN_LIMIT}`, 'LogLevel=ERROR', 'RequestTTY=no', 'EscapeChar=none'],
    // Servers before OpenSSH 7.2 know no other signatures of RSA keys.
    ...['PubkeyAcceptedKeyTypes=+ssh-rsa', 'HostKeyAlgorithms=+ssh-rsa'],
    ...['IdentitiesOnly=yes', 'IdentityAgent=none', 'PreferredAuthentications=publickey'],
    ...['StrictHostKeyChecking=yes', `HostKeyAlias=${ALIAS}`, 'UpdateHostKeys=no', 'CheckHostIP=no'],
    ...[`UserKnownHostsFile=${KNOWN_HOSTS}`, 'GlobalKnownHostsFile=/dev/null'],
    ...['ClearAllForwardings=yes', 'ForwardAgent=no', 'ForwardX11=no', 'ControlPath=none', 'PermitLocalCommand=no'],
  ]
  return ['-F', 'none', '-i', key, ...options.flatMap((option) => ['-o', option])]
}

/**
 * Runs a program that ends with this process.
 *
 * @param limit seconds after which it is killed.
 * @param folder in which it works.
 */
function run(
  program: string,
  args: readonly string[],
  limit: number,
  signal: AbortSignal,
  folder = '/',
): Promise<Ended> {
  const [setpriv, ...bound] = boundCommand(['cd -- "$1" && shift && exec "$@"'])
  return runProgram(setpriv, [...bound, folder, program, ...args], { timeout: limit * 1000, signal })
}

/**
 * Makes a key pair in a folder. It is of RSA, because servers before OpenSSH 6.5 know no better.
 *
 * @returns the path of the private key, which is beside the public one (`.pub`); undefined if ssh-keygen fails.
 */
export async function makeLoginKey(folder: string, signal: AbortSignal): Promise<string | undefined> {
  const path = join(folder, 'login-key')
  const args = ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-C', 'vdc-manage', '-f', path]
  const { exitCode } = await run('ssh-keygen', args, SCAN_LIMIT, signal)
  return exitCode === 0 ? path : undefined
}
