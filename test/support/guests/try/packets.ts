/** Bytes of a stream as QEMU's filter-dump writes it, with frames. */
export function pcap(frames: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(65536, 16)
  header.writeUInt32LE(1, 20)
  return Buffer.concat([header, ...frames.flatMap((frame) => [recordHeader(frame.length), frame])])
}

function recordHeader(length: number): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(length, 8)
  header.writeUInt32LE(length, 12)
  return header
}

const bytes = (address: string) => Buffer.from(address.split('.').map(Number))

/** A frame of Ethernet. */
export function frame(type: number, payload: Buffer, tags: readonly number[] = []): Buffer {
  const types = [...tags.flatMap((tag) => [tag, 1]), type]
  return Buffer.concat([
    Buffer.alloc(6, 0xff),
    Buffer.from('525400123456', 'hex'),
    Buffer.from(types.flatMap(word)),
    payload,
  ])
}

const word = (value: number) => [value >> 8, value & 255]

/** A frame with a question of ARP. */
export function arp(sender: string, tags: readonly number[] = []): Buffer {
  const start = Buffer.from('0001080006040001525400123456', 'hex')
  return frame(0x0806, Buffer.concat([start, bytes(sender), Buffer.alloc(6), bytes('172.16.0.1')]), tags)
}

/** A frame with a packet of IPv4. */
export function ipv4(from: string, protocol = 6, payload: Buffer = Buffer.alloc(0), fragment = 0): Buffer {
  const header = Buffer.alloc(20)
  header[0] = 0x45
  header.writeUInt16BE(20 + payload.length, 2)
  header.writeUInt16BE(fragment, 6)
  header[9] = protocol
  bytes(from).copy(header, 12)
  return frame(0x0800, Buffer.concat([header, payload]))
}

/** A frame with the header of TCP. @param flags 2 opens a connection. */
export function tcp(to: string, port: number, flags: number, fragment = 0): Buffer {
  const header = Buffer.alloc(20)
  header.writeUInt16BE(port, 2)
  header[13] = flags
  const made = ipv4(GIVEN, 6, header, fragment)
  bytes(to).copy(made, 14 + 16)
  return made
}

/** A frame with a packet of IPv6. @param sender 32 hexadecimal digits. */
export function ipv6(sender: string): Buffer {
  return frame(
    0x86dd,
    Buffer.concat([Buffer.from('6000000000000000', 'hex'), Buffer.from(sender, 'hex'), Buffer.alloc(16)]),
  )
}

interface Dhcp {
  type: number
  /** Pairs of a code and a value. */
  options?: readonly (readonly [number, Buffer | string])[]
  ciaddr?: string
  yiaddr?: string
  isFromServer?: boolean
}

/** A frame with a message of DHCP. */
export function dhcp({
  type,
  options = [],
  ciaddr = '0.0.0.0',
  yiaddr = '0.0.0.0',
  isFromServer = false,
}: Dhcp): Buffer {
  const fixed = Buffer.alloc(240)
  fixed[0] = isFromServer ? 2 : 1
  bytes(ciaddr).copy(fixed, 12)
  bytes(yiaddr).copy(fixed, 16)
  fixed.writeUInt32BE(0x63825363, 236)
  const all = [[53, Buffer.from([type])] as const, ...options].map(([code, value]) => {
    const content = Buffer.from(value)
    return Buffer.concat([Buffer.from([code, content.length]), content])
  })
  const message = Buffer.concat([fixed, ...all, Buffer.from([255])])
  const ports = isFromServer ? [67, 68] : [68, 67]
  const udp = Buffer.from([...ports.flatMap(word), ...word(message.length + 8), 0, 0])
  return ipv4(isFromServer ? '172.16.0.1' : ciaddr, 17, Buffer.concat([udp, message]))
}

/** What an ordinary client and the network send to each other. */
export const GIVEN = '172.16.0.10'
export const SENT = pcap([
  dhcp({
    type: 1,
    options: [
      [12, 'micro'],
      [60, 'udhcp 1.35.0'],
    ],
  }),
  dhcp({
    type: 3,
    options: [
      [50, bytes(GIVEN)],
      [12, 'micro'],
      [60, 'udhcp 1.35.0'],
    ],
  }),
  arp('0.0.0.0'),
  arp(GIVEN),
  ipv4(GIVEN),
  ipv6('fe800000000000005054000000123456'),
])
export const RECEIVED = pcap([
  dhcp({ type: 2, yiaddr: GIVEN, isFromServer: true }),
  dhcp({ type: 5, yiaddr: GIVEN, isFromServer: true }),
  arp('172.16.0.1'),
])
