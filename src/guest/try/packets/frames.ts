/** A packet in an Ethernet frame. */
export interface Packet {
  protocol: 'arp' | 'ipv4' | 'ipv6'
  /** The bytes of the sender's address: 4, or 16 of IPv6. */
  sender: Buffer
  /** Undefined if it is not a whole datagram of UDP over IPv4. */
  udp: Datagram | undefined
  /**
   * The address and the port to which it opens a connection of TCP over IPv4. The port is undefined for a fragment, as
   * what it is part of is not known. Undefined otherwise.
   */
  opens: { address: string; port: number | undefined } | undefined
}

/** A datagram of UDP. */
export interface Datagram {
  from: number
  to: number
  payload: Buffer
}

const [IPV4, IPV6, ARP] = [0x0800, 0x86dd, 0x0806]
/** Types of frames with a VLAN's tag: 802.1Q, and 802.1ad. */
const TAGGED = new Set([0x8100, 0x88a8])
/** Bytes of two MAC addresses. */
const ADDRESSES = 12
const MOST_TAGS = 2
const [TCP, UDP] = [6, 17]
/** The flag of TCP that opens a connection. */
const SYN = 2

/** Returns the packet of a frame; undefined if it is cut, or of another protocol. */
export function packetOf(frame: Buffer): Packet | undefined {
  let at = ADDRESSES
  for (let tags = 0; tags < MOST_TAGS && TAGGED.has(word(frame, at)); tags++) at += 4
  const payload = frame.subarray(at + 2)
  switch (word(frame, at)) {
    case ARP:
      return arp(payload)
    case IPV4:
      return ipv4(payload)
    case IPV6:
      return payload.length < 40 || (payload[0] as number) >> 4 !== 6
        ? undefined
        : { protocol: 'ipv6', sender: payload.subarray(8, 24), udp: undefined, opens: undefined }
    default:
      return undefined
  }
}

/** Returns the text of an address of IPv4 or IPv6, by its bytes. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16))
  // A URL has the shortest form of an address.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** ARP that asks for addresses of IPv4, or tells them, over Ethernet (RFC 826). */
function arp(payload: Buffer): Packet | undefined {
  const isOfIpv4 = word(payload, 0) === 1 && word(payload, 2) === IPV4 && word(payload, 4) === 0x0604
  if (!isOfIpv4 || payload.length < 28) return undefined
  return { protocol: 'arp', sender: payload.subarray(14, 18), udp: undefined, opens: undefined }
}

function ipv4(payload: Buffer): Packet | undefined {
  const [first = 0] = payload
  const headerLength = (first & 15) * 4
  if (payload.length < 20 || first >> 4 !== 4 || headerLength < 20) return undefined
  // More fragments follow, or this is not the first one.
  const isFragment = (word(payload, 6) & 0x3fff) !== 0
  const inside = payload.subarray(headerLength, word(payload, 2))
  const isUdp = payload[9] === UDP && !isFragment
  const isOpening = payload[9] === TCP && (isFragment || ((inside[13] ?? 0) & SYN) !== 0)
  return {
    protocol: 'ipv4',
    sender: payload.subarray(12, 16),
    udp: isUdp ? datagramOf(inside) : undefined,
    opens: isOpening
      ? { address: addressText(payload.subarray(16, 20)), port: isFragment ? undefined : word(inside, 2) }
      : undefined,
  }
}

function datagramOf(bytes: Buffer): Datagram | undefined {
  if (bytes.length < 8) return undefined
  return { from: word(bytes, 0), to: word(bytes, 2), payload: bytes.subarray(8, word(bytes, 4)) }
}

/** Returns 16 bits; 0 behind the end. */
function word(bytes: Buffer, at: number): number {
  return at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0
}
