import type { VdcError } from '../core/errors.ts'
import { wasMeant } from '../core/nearest.ts'

/** The TLS modes, named as in MySQL's own clients. */
const SSL_MODES = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const

/** The encryption of a connection, and the servers that it trusts (decision 15). A given CA is always checked. */
export interface TlsSettings {
  mode: (typeof SSL_MODES)[number]
  /** Absolute path of the PEM file with the CA certificate. */
  ca?: string | undefined
  /** Absolute path of the PEM file with the client certificate. */
  cert?: string | undefined
  /** Absolute path of the PEM file with the client key. */
  key?: string | undefined
}

/** Returns the error for a URI. The message must not contain values, as they may contain a password. */
export type Refuse = (why: string, hint?: string) => VdcError

/**
 * Returns the TLS settings in the parameters of a MySQL URI.
 *
 * @param query the decoded parameters.
 * @throws VdcError the result of `refuse` if a parameter is not valid, or they contradict each other.
 */
export function tlsOf(query: ReadonlyMap<string, string>, refuse: Refuse): TlsSettings {
  const [ca, cert, key] = ['ssl-ca', 'ssl-cert', 'ssl-key'].map((name) => {
    const path = query.get(name)
    if (path !== undefined && !path.startsWith('/')) {
      throw refuse(
        `has an ${name} that is not an absolute path`,
        `Use the path of a PEM file, for example ${name}=/etc/mysql/${name.slice(4)}.pem`,
      )
    }
    return path
  })
  const named = query.get('ssl-mode')?.toUpperCase()
  const known = SSL_MODES.find((mode) => mode === named)
  if (named !== undefined && known === undefined) {
    throw refuse('has an unknown ssl-mode', `${wasMeant(named, SSL_MODES)}Modes are ${SSL_MODES.join(', ')}`)
  }
  const mode = known ?? defaultMode({ ca, cert, key })
  if ((cert === undefined) !== (key === undefined)) {
    const [has, lacks] = cert === undefined ? ['ssl-key', 'ssl-cert'] : ['ssl-cert', 'ssl-key']
    throw refuse(
      `has ${has} without ${lacks}`,
      'Set both the certificate and the key of the client: ssl-cert and ssl-key',
    )
  }
  if (mode === 'DISABLED' && (ca ?? cert) !== undefined) {
    const name = ca === undefined ? 'ssl-cert' : 'ssl-ca'
    throw refuse(`has ${name} with ssl-mode=DISABLED`, `Remove ${name}, or use another ssl-mode`)
  }
  if (mode.startsWith('VERIFY_') && ca === undefined) {
    throw refuse(
      `has ssl-mode=${mode} without ssl-ca`,
      "Set ssl-ca to the path of a PEM file with the CA that signed the server's certificate",
    )
  }
  return { mode, ca, cert, key }
}

/** Returns the TLS mode without ssl-mode. As in MySQL's clients, a CA means VERIFY_CA, and a certificate alone means REQUIRED. */
function defaultMode({ ca, cert, key }: Omit<TlsSettings, 'mode'>): TlsSettings['mode'] {
  if (ca !== undefined) return 'VERIFY_CA'
  return cert !== undefined || key !== undefined ? 'REQUIRED' : 'PREFERRED'
}
