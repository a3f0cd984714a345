import { VdcError } from '../../core/errors.ts'

/** Where the screen of a virtual machine can be looked at with VNC. There is no password. */
export type VncPlace =
  /** A Unix socket in the folder of the machine, which only this user can open. */
  | { kind: 'unix' }
  /** A port of the loopback of this host, which all of its users can open. */
  | { kind: 'tcp'; host: '127.0.0.1'; port: number }

/** The name of the socket in the folder of the machine. */
const VNC_SOCKET = 'vnc'
/** The port of display 0. QEMU has no others below. */
const FIRST_PORT = 5900
const LAST_PORT = 65535

/**
 * Reads where the screen is to be looked at.
 *
 * @param text `unix`, or 127.0.0.1:PORT.
 * @throws VdcError VALUE_REFUSED.
 */
export function vncPlace(text: string): VncPlace {
  if (text === 'unix') return { kind: 'unix' }
  const [, port] = /^(?:127\.0\.0\.1|localhost):(\d{1,5})$/.exec(text) ?? []
  if (port !== undefined && Number(port) >= FIRST_PORT && Number(port) <= LAST_PORT)
    return { kind: 'tcp', host: '127.0.0.1', port: Number(port) }
  throw new VdcError('VALUE_REFUSED', `vnc '${text}' is neither unix nor a port of the loopback`, {
    hint: `Give unix for a Unix socket, or 127.0.0.1:PORT with a port of ${FIRST_PORT} to ${LAST_PORT}`,
  })
}

/** Returns QEMU's arguments for a screen that can be looked at. */
export function vncArguments(place: VncPlace | undefined): string[] {
  if (place === undefined) return []
  const address = place.kind === 'unix' ? `unix:${VNC_SOCKET}` : `${place.host}:${place.port - FIRST_PORT}`
  // A tablet, so that the pointer is where the viewer's is.
  return ['-vnc', address, '-usb', '-device', 'usb-tablet']
}

/** Returns the argument of vncviewer(1). */
export function vncAddress(place: VncPlace, folder: string): string {
  return place.kind === 'unix' ? `${folder}/${VNC_SOCKET}` : `${place.host}::${place.port}`
}
