import { realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { TLSSocket } from 'node:tls'
import mysql2 from 'mysql2'
import type { MysqlSettings } from '../../config/config.ts'
import { VdcError } from '../../core/errors.ts'
import { foreignOn } from '../../core/foreign-path.ts'

/*
 * How a password gets to a server: by a challenge, which reveals nothing to the
 * server; or in clear text, and only to a server that has proved who it is (decision 15).
 */

type LoginPlugin = NonNullable<mysql2.ConnectionOptions['authPlugins']>[string]

/** A challenge of caching_sha2_password that the server could not check by what it remembers: it wants the password itself. */
const WANTS_PASSWORD = Buffer.from([4])

/** The bits of a folder's mode by which its group, or all, may write to it. */
const WRITABLE_BY_OTHERS = 0o022

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
 * @param isPrivate as `isPrivateSocket` says.
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
 * Says whether nobody but the owner of its folder, root and we ourselves can put
 * another socket in the place of this one. In a folder such as /tmp anybody can,
 * while the server is down; so can the owner of a link or of a folder above.
 */
export async function isPrivateSocket(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  try {
    const socket = await realpath(path)
    const folder = dirname(socket)
    if (await isOpenToOthers(folder)) return false
    const own = process.geteuid?.()
    // The folder of a server belongs to its user. Where anybody can make folders, that may be anybody.
    const isOfServer = (at: string) => at === folder || at === socket
    const isAnybodys = await isOpenToOthers(dirname(folder))
    return (
      foreignOn(resolve(path), (uid, at) => uid === 0 || uid === own || (isOfServer(at) && !isAnybodys)) === undefined
    )
  } catch {
    return false
  }
}

async function isOpenToOthers(folder: string): Promise<boolean> {
  return ((await stat(folder)).mode & WRITABLE_BY_OTHERS) !== 0
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
