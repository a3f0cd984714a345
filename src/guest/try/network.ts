import type { ForeignAddressEvent, GuestEvent, Moment } from './event.ts'
import { dhcpOf } from './packets/dhcp.ts'
import { addressText, type Packet, packetOf } from './packets/frames.ts'
import { PcapReader } from './packets/pcap.ts'

/** Events after which messages of DHCP, or foreign addresses, are not reported any more. */
const [MOST_DHCP, MOST_FOREIGN] = [200, 8]
const LINK_LOCAL = /^169\.254\./
const METADATA = { address: '169.254.169.254', port: 80 }

/**
 * Reads what a guest and its network send to each other, as two streams of QEMU's filter-dump: one with
 * `queue=rx`, which has what the guest sends, and one with `queue=tx`. It must be one stream for each direction,
 * because a guest can send packets that look as if the network had sent them.
 */
export class NetworkReader {
  readonly #sent = new PcapReader()
  readonly #received = new PcapReader()
  readonly #given = new Set<string>()
  readonly #foreign = new Set<string>()
  #dhcpMessages = 0
  /** How many connections to the metadata service the guest has opened, or might have. */
  connections = 0

  /** @param address the one that DHCP will give to the guest. */
  constructor(address: string) {
    this.#given.add(address)
  }

  /** Whether a stream was damaged, so that events may be missing. */
  get isDamaged(): boolean {
    return this.#sent.isDamaged || this.#received.isDamaged
  }

  /** Returns the events in bytes of the stream with what the guest sends. */
  fromGuest(chunk: Buffer, at: Moment): GuestEvent[] {
    const events: GuestEvent[] = []
    for (const frame of this.#sent.read(chunk)) {
      const packet = packetOf(frame)
      if (packet === undefined) continue
      if (opensMetadata(packet)) this.connections++
      const foreign = this.#foreignSender(packet)
      if (foreign !== undefined) events.push({ at, ...foreign })
      events.push(...this.#dhcp(packet, at))
    }
    return events
  }

  /** Returns the events in bytes of the stream with what the network sends. */
  toGuest(chunk: Buffer, at: Moment): GuestEvent[] {
    const events: GuestEvent[] = []
    for (const frame of this.#received.read(chunk)) {
      const packet = packetOf(frame)
      if (packet !== undefined) events.push(...this.#dhcp(packet, at, true))
    }
    return events
  }

  #dhcp({ udp }: Packet, at: Moment, isFromServer = false): GuestEvent[] {
    const event = udp && dhcpOf(udp)
    if (event === undefined || (event.message === 'ack') !== isFromServer) return []
    if (event.message === 'ack' && event.address !== undefined) this.#given.add(event.address)
    return this.#dhcpMessages++ < MOST_DHCP ? [{ at, ...event }] : []
  }

  /** Each address once, and of those that a guest gives itself for its own link only the first. */
  #foreignSender({ protocol, sender }: Packet): ForeignAddressEvent | undefined {
    if (this.#foreign.size >= MOST_FOREIGN || isHarmless(sender)) return undefined
    const address = addressText(sender)
    const key = LINK_LOCAL.test(address) ? 'link-local' : address
    if (this.#given.has(address) || this.#foreign.has(key)) return undefined
    this.#foreign.add(key)
    return { kind: 'foreign-address', address, protocol }
  }
}

/** Whether an address is none, or one of IPv6 that an interface always has. */
function isHarmless(sender: Buffer): boolean {
  if (sender.every((byte) => byte === 0)) return true
  return sender.length === 16 && sender[0] === 0xfe && ((sender[1] as number) & 0xc0) === 0x80
}

function opensMetadata({ opens }: Packet): boolean {
  return opens?.address === METADATA.address && (opens.port ?? METADATA.port) === METADATA.port
}
