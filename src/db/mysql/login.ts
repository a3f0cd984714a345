import { realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { TLSSocket } from 'node:tls'
import mysql2 from 'mysql2'
import type { MysqlSettings } from '../../config/config.ts'
import { VdcError } from '../../core/errors.ts'
import { foreignOn } from '../../core/foreign-path.ts'

/*
 * Authentication. Most methods answer a challenge, which doesn't reveal the password.
 * The others send the password in clear text, so only to a server that has proved
 * its identity (decision 15).
 */

type LoginPlugin = NonNullable<mysql2.ConnectionOptions['authPlugins']>[string]

/** The request of caching_sha2_password for the password itself, if the server has not cached the account. */
const WANTS_PASSWORD = Buffer.from([4])

/** The mode bits of a folder that let its group or all users write to it. */
const WRITABLE_BY_OTHERS = 0o022

/** The error that a plugin throws. The driver overwrites its code, so the VdcError is inside it. */
export class LoginRefused extends Error {
  readonly refusal: VdcError

  constructor(refusal: VdcError) {
    super(refusal.message)
    this.refusal = refusal
  }
}

/**
 * Returns the authentication plugins by name, except mysql_native_password, which
 * answers a challenge and is built into the driver.
 *
 * @param isPrivate the result of `isPrivateSocket`.
 * @param place the server, for messages.
 */
export function loginPlugins(settings: MysqlSettings, isPrivate: boolean, place: string): Record<string, LoginPlugin> {
  const isTrusted = (stream: unknown) =>
    isPrivate || (settings.tls.ca !== undefined && stream instanceof TLSSocket && stream.authorized)
  const clearText = (name: string, stream: unknown): Buffer => {
    if (settings.password && !isTrusted(stream)) throw new LoginRefused(notInClear(name, place))
    return Buffer.from(`${settings.password ?? ''}\0`)
  }
  const inClear =
    (name: string): LoginPlugin =>
    ({ connection }) =>
    () =>
      clearText(name, streamOf(connection))
  return {
    mysql_clear_password: inClear('mysql_clear_password'),
    sha256_password: inClear('sha256_password'),
    caching_sha2_password: ({ connection, command }) => {
      // With overrideIsSecure and no server key, the driver's plugin only answers the challenge.
      const challenge = mysql2.authPlugins.caching_sha2_password({ overrideIsSecure: true })({ connection, command })
      return (data) =>
        WANTS_PASSWORD.equals(data) ? clearText('caching_sha2_password', streamOf(connection)) : challenge(data)
    },
  }
}

function streamOf(connection: unknown): unknown {
  return (connection as { stream: unknown }).stream
}

/**
 * Returns true if only root, this user and the owner of its folder can replace a Unix
 * socket. While the server is down, anybody can replace it in a folder such as /tmp, and
 * so can the owner of a link or a parent folder in its path.
 */
export async function isPrivateSocket(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  try {
    const socket = await realpath(path)
    const folder = dirname(socket)
    if (await isOpenToOthers(folder)) return false
    const own = process.geteuid?.()
    // The server's user owns the folder, unless other users could have created it.
    const isOfServer = (at: string) => at === folder || at === socket
    const mayBeAnybodys = await isOpenToOthers(dirname(folder))
    const isTrusted = (uid: number, at: string) => uid === 0 || uid === own || (isOfServer(at) && !mayBeAnybodys)
    return foreignOn(resolve(path), isTrusted) === undefined
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
    `The server ${place} asks for the password in clear text (${plugin}), but has not proved its identity`,
    {
      hint: "Add ssl-mode=VERIFY_IDENTITY&ssl-ca=/path/of/ca.pem to the database URI, connect through the server's Unix socket, or let the account use mysql_native_password",
    },
  )
}

/** Returns the error for an account whose authentication plugin is not supported. */
export function unsupportedPlugin(plugin: string, place: string, cause: unknown): VdcError {
  // The server chooses the name, so it may contain anything.
  const name = /^[\w-]{1,64}$/.test(plugin) ? plugin : 'of an unknown name'
  return new VdcError(
    'DATABASE_AUTH_UNSUPPORTED',
    `The server ${place} asks for the authentication plugin ${name}, which vdc-manage does not support`,
    {
      hint: 'Let the account use mysql_native_password or caching_sha2_password, for example: ALTER USER … IDENTIFIED VIA mysql_native_password USING PASSWORD(…)',
      cause,
    },
  )
}
