import type { DhcpEvent } from '../event.ts'
import { plainText } from '../plain-text.ts'
import { addressText, type Datagram } from './frames.ts'

const [SERVER, CLIENT] = [67, 68]
const COOKIE = 0x63825363
/** Bytes before the options. */
const FIXED_PART = 240
/** Codes of options. */
const [PAD, HOST_NAME, REQUESTED_ADDRESS, MESSAGE_TYPE, VENDOR, FQDN, END] = [0, 12, 50, 53, 60, 81, 255]
/** Messages by their number, and who sends them. */
const MESSAGES: Readonly<Record<number, { message: DhcpEvent['message']; from: number }>> = {
  1: { message: 'discover', from: CLIENT },
  3: { message: 'request', from: CLIENT },
  4: { message: 'decline', from: CLIENT },
  5: { message: 'ack', from: SERVER },
  7: { message: 'release', from: CLIENT },
}
/** Characters of a name. */
const LONGEST = 80
/** The bit of an FQDN's flags that tells that it is encoded as in DNS. */
const IS_ENCODED = 4

/** Returns the message of DHCP in a datagram (RFC 2131 and 4702); undefined if there is none that matters. */
export function dhcpOf({ from, to, payload }: Datagram): DhcpEvent | undefined {
  if (payload.length < FIXED_PART || payload.readUInt32BE(FIXED_PART - 4) !== COOKIE) return undefined
  const options = optionsOf(payload.subarray(FIXED_PART))
  const type = MESSAGES[options.get(MESSAGE_TYPE)?.[0] ?? 0]
  if (type?.from !== from || to !== (from === CLIENT ? SERVER : CLIENT)) return undefined
  const fqdn = options.get(FQDN)
  const hostName = textOf(options.get(HOST_NAME)) ?? (fqdn && fqdnOf(fqdn))
  const address = type.message === 'ack' ? payload.subarray(16, 20) : requested(payload, options)
  return { kind: 'dhcp', message: type.message, address: known(address), hostName, vendor: textOf(options.get(VENDOR)) }
}

/** The address that the client has, or else the one that it would like. */
function requested(payload: Buffer, options: ReadonlyMap<number, Buffer>): Buffer | undefined {
  const own = payload.subarray(12, 16)
  return known(own) === undefined ? options.get(REQUESTED_ADDRESS) : own
}

function known(address: Buffer | undefined): string | undefined {
  return address?.length === 4 && address.readUInt32BE(0) !== 0 ? addressText(address) : undefined
}

/** Returns options by their code. One that is there several times is joined (RFC 3396). */
function optionsOf(bytes: Buffer): Map<number, Buffer> {
  const parts = new Map<number, Buffer[]>()
  let at = 0
  while (at < bytes.length && bytes[at] !== END) {
    const code = bytes[at++] as number
    if (code === PAD) continue
    const length = bytes[at++] ?? 0
    const part = bytes.subarray(at, at + length)
    const others = parts.get(code)
    if (others === undefined) parts.set(code, [part])
    else others.push(part)
    at += length
  }
  return new Map([...parts].map(([code, all]) => [code, Buffer.concat(all)]))
}

function textOf(bytes: Buffer | undefined): string | undefined {
  return bytes === undefined ? undefined : plainText(bytes, LONGEST) || undefined
}

/** Returns the name of an option 81, whose first bytes are flags and two results. */
function fqdnOf(option: Buffer): string | undefined {
  const [flags = 0] = option
  const name = option.subarray(3)
  if ((flags & IS_ENCODED) === 0) return textOf(name)
  const labels: string[] = []
  for (let at = 0; at < name.length && name[at] !== 0; at += (name[at] as number) + 1) {
    labels.push(plainText(name.subarray(at + 1, at + 1 + (name[at] as number)), LONGEST))
  }
  return plainText(labels.join('.'), LONGEST) || undefined
}
