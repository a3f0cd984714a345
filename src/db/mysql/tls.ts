import { createPrivateKey, X509Certificate } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { isIP } from 'node:net'
import { checkServerIdentity, connect, createSecureContext, type SecureContext } from 'node:tls'
import type { TlsSettings } from '../../config/config.ts'
import { VdcError } from '../../core/errors.ts'
import { systemError } from '../../core/system-error.ts'
import type { DriverConnection } from './driver.ts'

/** Bytes of the largest PEM file; the list of all public CAs has 200 KiB. */
const LARGEST = 1024 * 1024
/** The capability bit of a server that offers TLS. */
const OFFERS_TLS = 0x800

/**
 * Reads the PEM files of the TLS settings.
 *
 * @returns a function that creates the context of a connection. Without files it does so only
 *   when called, because loading TLS is slow and the server may not offer it.
 * @throws VdcError CONFIG_REFUSED with the name of the file, never its contents.
 */
export async function readTlsFiles({ ca, cert, key }: TlsSettings): Promise<() => SecureContext> {
  // Without a CA nothing is verified. The empty list keeps Node from loading all public CAs.
  if ([ca, cert, key].every((path) => path === undefined)) return () => createSecureContext({ ca: [] })
  const [authority, certificate, secret] = await Promise.all([
    readPem('ssl-ca', ca, (pem) => new X509Certificate(pem)),
    readPem('ssl-cert', cert, (pem) => new X509Certificate(pem)),
    readPem('ssl-key', key, (pem) => createPrivateKey(pem)),
  ])
  if (certificate && secret && !new X509Certificate(certificate).checkPrivateKey(createPrivateKey(secret))) {
    throw new VdcError('CONFIG_REFUSED', `The key ${key} does not belong to the certificate ${cert}`, {
      hint: 'Set ssl-cert and ssl-key in the database URI to a certificate and its key',
    })
  }
  try {
    const context = createSecureContext({ ca: authority ?? [], cert: certificate, key: secret })
    return () => context
  } catch (error) {
    const files = [ca, cert, key].filter((path) => path !== undefined).join(', ')
    throw new VdcError('CONFIG_REFUSED', `TLS cannot use ${files}: ${(error as Error).message}`, {
      hint: 'Create new certificates and keys, with keys of at least 2048 bits',
      cause: error,
    })
  }
}

async function readPem(
  name: string,
  path: string | undefined,
  parse: (pem: string) => unknown,
): Promise<string | undefined> {
  if (path === undefined) return undefined
  const refuse = (why: string) =>
    new VdcError('CONFIG_REFUSED', `The file ${path} ${why}`, { hint: `Correct ${name} in the database URI` })
  const pem = await readSmallFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw refuse('does not exist')
    throw refuse(
      error.code === 'EACCES' ? 'cannot be read: permission denied' : `cannot be read: ${systemError(error.code)}`,
    )
  })
  if (pem === undefined) throw refuse('is not a regular file of at most 1 MiB')
  if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem)) throw refuse('is protected by a passphrase')
  try {
    if (!pem.includes('-----BEGIN ')) throw new Error('no PEM')
    parse(pem)
  } catch {
    // OpenSSL's message doesn't help users, and it must not reveal a part of a key.
    throw refuse(`does not contain a ${name === 'ssl-key' ? 'private key' : 'certificate'} in PEM format`)
  }
  return pem
}

async function readSmallFile(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const stats = await file.stat()
    return stats.isFile() && stats.size <= LARGEST ? await file.readFile('utf8') : undefined
  } finally {
    await file.close()
  }
}

/**
 * Makes a connection use TLS according to its settings. The driver lacks the mode PREFERRED,
 * and for a server given by its address it compares the certificate's name with `localhost`.
 *
 * @param host the name or address that the certificate must be for in the mode VERIFY_IDENTITY.
 */
export function useTls(
  connection: DriverConnection,
  contextOf: () => SecureContext,
  { tls, host }: { tls: TlsSettings; host: string },
): void {
  // The driver reads this after it has received the greeting.
  Object.defineProperty(connection.config, 'ssl', {
    get: () => tls.mode !== 'PREFERRED' || (connection.serverCapabilityFlags & OFFERS_TLS) !== 0,
  })
  connection.startTLS = (onSecure) => {
    const plain = connection.stream
    plain.removeAllListeners('data')
    const secure = connect({
      socket: plain,
      secureContext: contextOf(),
      rejectUnauthorized: tls.ca !== undefined,
      checkServerIdentity: (_, certificate) =>
        tls.mode === 'VERIFY_IDENTITY' ? checkServerIdentity(host, certificate) : undefined,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    })
    let isSecure = false
    secure.once('secureConnect', () => {
      isSecure = true
      onSecure()
    })
    // The driver overwrites the code of an error passed to `onSecure`, so the original is its cause.
    secure.on('error', (error) => (isSecure ? plain.destroy(error) : onSecure(new Error('TLS', { cause: error }))))
    secure.on('data', (chunk) => connection.packetParser.execute(chunk))
    connection.stream = secure
  }
}

const OF_ANOTHER_CA = new Set([
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** Returns the error for a TLS handshake that failed. */
export function tlsFailure(error: Error & { code?: string; reason?: string }, place: string, tls: TlsSettings) {
  const { code = '' } = error
  const fail = (why: string, hint: string) =>
    new VdcError('DATABASE_TLS_FAILED', `TLS with ${place} failed: ${why}`, { hint, cause: error })
  if (OF_ANOTHER_CA.has(code)) {
    return fail(
      `its certificate is not signed by the CA in ${tls.ca}`,
      'Set ssl-ca to the CA of this server. If it is correct, another server is answering in its place',
    )
  }
  if (code === 'CERT_HAS_EXPIRED')
    return fail('its certificate, or the CA in ssl-ca, has expired', 'Renew the expired certificate')
  if (code === 'CERT_NOT_YET_VALID') return fail('its certificate is not valid yet', 'Check the clocks of both hosts')
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return fail(
      `its certificate is for another name: ${error.reason ?? error.message}`,
      'Name the host as its certificate does, or check the CA only: ssl-mode=VERIFY_CA',
    )
  }
  return fail(
    (error.message || code).split('\n', 1)[0] as string,
    tls.mode === 'PREFERRED'
      ? 'If the server is too old for TLS 1.2, connect without TLS: ssl-mode=DISABLED'
      : 'Check the TLS settings of the server, and that it supports TLS 1.2 or later',
  )
}
