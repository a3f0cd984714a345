import { lstat, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { TLSSocket } from 'node:tls'
import mysql2 from 'mysql2'
import type { MysqlSettings } from '../config.ts'
import { VdcError } from '../errors.ts'

/*
 * How a password gets to a server: by a challenge, which tells nothing to who
 * asks; or as it is, and only to a server that has proved who it is (decision 15).
 */

type LoginPlugin = NonNullable<mysql2.ConnectionOptions['authPlugins']>[string]

/** A challenge of caching_sha2_password that the server could not check by what it remembers: it wants the password itself. */
const WANTS_PASSWORD = Buffer.from([4])

/** Bits of a folder's mode. */
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/** The error that a plugin throws; the driver writes a code of its own into it. */
export class LoginRefused extends Error {
  readonly refusal: VdcError

  constructor(refusal: VdcError) {
    super(refusal.message)
    this.refusal = refusal
  }
}

/**
 * The ways to log in, by the names that servers have for them, beside
 * mysql_native_password, which the driver knows and which is a challenge.
 *
 * @param isPrivate whether the socket's folder keeps others from answering there.
 * @param place the server, for messages.
 */
export function loginPlugins(settings: MysqlSettings, isPrivate: boolean, place: string): Record<string, LoginPlugin> {
  const isTrusted = (stream: unknown) =>
    isPrivate || (settings.tls.ca !== undefined && stream instanceof TLSSocket && stream.authorized)
  const asItIs = (name: string, stream: unknown): Buffer => {
    if (settings.password && !isTrusted(stream)) throw new LoginRefused(notInClear(name, place))
    return Buffer.from(`${settings.password ?? ''}\0`)
  }
  const inClear =
    (name: string): LoginPlugin =>
    ({ connection }) =>
    () =>
      asItIs(name, streamOf(connection))
  return {
    mysql_clear_password: inClear('mysql_clear_password'),
    sha256_password: inClear('sha256_password'),
    caching_sha2_password: ({ connection, command }) => {
      // Without a key of the server's, this is the challenge alone.
      const challenge = mysql2.authPlugins.caching_sha2_password({ overrideIsSecure: true })({ connection, command })
      return (data) =>
        WANTS_PASSWORD.equals(data) ? asItIs('caching_sha2_password', streamOf(connection)) : challenge(data)
    },
  }
}

function streamOf(connection: unknown): unknown {
  return (connection as { stream: unknown }).stream
}

/**
 * Says whether nobody but its owner can put another socket in the place of this
 * one. Anybody can in a folder such as /tmp while the server is down, whether the
 * path leads through it or a link there does.
 */
export async function isPrivateSocket(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  try {
    return (await isPrivatePlace(resolve(path))) && (await isPrivatePlace(await realpath(path)))
  } catch {
    return false
  }
}

/** Says whether no folder on the way lets others put in something of theirs. */
async function isPrivatePlace(path: string): Promise<boolean> {
  for (let at = path; at !== '/'; at = dirname(at)) {
    const { mode } = await stat(dirname(at))
    if ((mode & OTHERS_WRITE) === 0) continue
    // With the sticky bit, what root or this user made there stays.
    const isKept = (mode & STICKY) !== 0 && [0, process.getuid?.()].includes((await lstat(at)).uid)
    if (at === path || !isKept) return false
  }
  return true
}

function notInClear(plugin: string, place: string): VdcError {
  return new VdcError(
    'DATABASE_TLS_REQUIRED',
    `The server ${place} asks for the password itself (${plugin}), and has not proved that it is the right one`,
    {
      hint: "Add ssl-mode=VERIFY_IDENTITY&ssl-ca=/path/of/ca.pem to the database URI, connect through the server's Unix socket, or give the account mysql_native_password",
    },
  )
}

/** Says that an account needs a plugin that is not there. */
export function unsupportedPlugin(plugin: string, place: string, cause: unknown): VdcError {
  // The name is the server's.
  const name = /^[\w-]{1,64}$/.test(plugin) ? plugin : 'of an unknown name'
  return new VdcError(
    'DATABASE_AUTH_UNSUPPORTED',
    `The server ${place} asks for the authentication plugin ${name}, which vdc-manage does not have`,
    {
      hint: 'Give the account mysql_native_password or caching_sha2_password, such as: ALTER USER … IDENTIFIED VIA mysql_native_password USING PASSWORD(…)',
      cause,
    },
  )
}
