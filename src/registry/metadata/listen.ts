import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import type { Endpoint } from '../../guest/metadata/service.ts'

const LOCALHOST = '127.0.0.1'
const SOCKET = 'unix:'

/**
 * Parses where a service listens: HOST:PORT with an IP address, unix:PATH, or the absolute path of a socket.
 *
 * @throws VdcError VALUE_REFUSED if it is none of them, or reaches further than this host and `allowsRemote` is false.
 */
export function parseEndpoint(text: string, allowsRemote: boolean): Endpoint {
  const path = text.startsWith(SOCKET) ? text.slice(SOCKET.length) : text
  if (isAbsolute(path)) return { path }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text) ?? []
  const host = (bracketed ?? plain ?? '').replace(/^localhost$/i, LOCALHOST)
  const port = Number(digits)
  if (isIP(host) === 0 || port > 65535)
    throw new VdcError('VALUE_REFUSED', `listen '${text}' is not an address to listen on`, {
      hint: 'Use an IP address with a port, such as 127.0.0.1:8169, or unix:PATH with an absolute path',
    })
  if (!allowsRemote && !isLoopback(host))
    throw new VdcError('VALUE_REFUSED', `listen '${text}' can be reached from other hosts`, {
      hint: 'Listen on 127.0.0.1, or add --allow-remote if only instances can reach it',
    })
  return { host, port }
}

/** Returns the URL of an endpoint; of a socket, unix: and its path. */
export function urlOf(endpoint: Endpoint): string {
  if ('path' in endpoint) return SOCKET + endpoint.path
  const host = isIP(endpoint.host) === 6 ? `[${endpoint.host}]` : endpoint.host
  return `http://${host}:${endpoint.port}`
}

function isLoopback(host: string): boolean {
  return isIP(host) === 4 ? host.startsWith('127.') : /^(?:0{0,4}:){2,7}0{0,3}1$/.test(host)
}
