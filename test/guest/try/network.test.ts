import { describe, expect, test } from 'vitest'
import { ConnectionCount } from '../../../src/guest/try/connection-count.ts'
import type { GuestEvent } from '../../../src/guest/try/event.ts'
import { NetworkReader } from '../../../src/guest/try/network.ts'
import { PcapReader } from '../../../src/guest/try/packets/pcap.ts'
import { chunks, mutated, randomNumbers } from '../../support/guests/try/mutations.ts'
import { arp, dhcp, frame, GIVEN, ipv4, ipv6, pcap, RECEIVED, SENT, tcp } from '../../support/guests/try/packets.ts'
import { some } from '../../support/thorough.ts'

const read = (...frames: Buffer[]) => new NetworkReader(GIVEN).fromGuest(pcap(frames), 7)
const foreign = (events: readonly GuestEvent[]) =>
  events.flatMap((event) => (event.kind === 'foreign-address' ? [`${event.protocol} ${event.address}`] : []))
const dhcpIn = (...frames: Buffer[]) => read(...frames).filter((event) => event.kind === 'dhcp')
const option = (code: number, value: Buffer | string) => dhcpIn(dhcp({ type: 3, options: [[code, value]] }))[0]

describe('connections to the metadata service', () => {
  const [SYN, ACK, MORE_FRAGMENTS] = [2, 16, 0x2000]
  test.each([
    ['a connection that is opened', tcp('169.254.169.254', 80, SYN), 1],
    ['a fragment, which may open one', tcp('169.254.169.254', 80, ACK, MORE_FRAGMENTS), 1],
    ['one that is open', tcp('169.254.169.254', 80, ACK), 0],
    ['another port', tcp('169.254.169.254', 22, SYN), 0],
    ['another address', tcp('172.16.0.1', 80, SYN), 0],
    ['a packet that is cut', tcp('169.254.169.254', 80, SYN).subarray(0, 40), 0],
  ])('are counted: %s', (_, packet, count) => {
    const reader = new NetworkReader(GIVEN)
    reader.fromGuest(pcap([packet]), 0)
    expect(reader.connections).toBe(count)
  })

  test('count from when they are opened until they are closed', () => {
    const count = new ConnectionCount()
    count.open(3, 1000)
    expect(count.atOnce(1000)).toBe(3)
    count.accept(true)
    expect(count.atOnce(1000)).toBe(3)
    // Two never reach the service.
    expect(count.atOnce(11_000)).toBe(1)
    count.accept(false)
    expect(count.atOnce(11_000)).toBe(0)
  })
})

describe('frames of a dump', () => {
  test('are the same for chunks of any length', () => {
    const whole = [...new PcapReader().read(SENT)].map((each) => each.toString('hex'))
    expect(whole).toHaveLength(6)
    const random = randomNumbers(1)
    for (let round = 0; round < 20; round++) {
      const reader = new PcapReader()
      const frames = [...chunks(SENT, random)].flatMap((chunk) =>
        [...reader.read(chunk)].map((each) => each.toString('hex')),
      )
      expect({ frames, isDamaged: reader.isDamaged }).toEqual({ frames: whole, isDamaged: false })
    }
  })

  test('are read with the bytes of words the other way round', () => {
    const other = pcap([arp(GIVEN)])
    for (const at of [0, 16, 20, 24, 28, 32, 36]) other.subarray(at, at + 4).reverse()
    expect([...new PcapReader().read(other)]).toEqual([arp(GIVEN)])
  })

  test('may be empty', () => {
    expect([...new PcapReader().read(pcap([Buffer.alloc(0), arp(GIVEN)]))]).toEqual([arp(GIVEN)])
  })

  test.each([
    ['of another format', (bytes: Buffer) => bytes.writeUInt32LE(0x0a0d0d0a, 0)],
    ['of another network', (bytes: Buffer) => bytes.writeUInt32LE(113, 20)],
    ['with a frame of gigabytes', (bytes: Buffer) => bytes.writeUInt32LE(0xfffffff0, 32)],
  ])('of a dump %s are not read', (_, damage) => {
    const bytes = pcap([arp('192.168.0.1')])
    damage(bytes)
    const reader = new NetworkReader(GIVEN)
    expect(reader.fromGuest(bytes, 1)).toEqual([])
    expect(reader.isDamaged).toBe(true)
    expect(reader.fromGuest(pcap([arp('192.168.0.1')]), 1)).toEqual([])
  })
})

describe('events of the network', () => {
  test('are the messages of DHCP, with what both sides said', () => {
    const reader = new NetworkReader(GIVEN)
    const names = { hostName: 'micro', vendor: 'udhcp 1.35.0' }
    expect(reader.fromGuest(SENT, 5)).toEqual([
      { at: 5, kind: 'dhcp', message: 'discover', address: undefined, ...names },
      { at: 5, kind: 'dhcp', message: 'request', address: GIVEN, ...names },
    ])
    const none = { hostName: undefined, vendor: undefined }
    expect(reader.toGuest(RECEIVED, 6)).toEqual([{ at: 6, kind: 'dhcp', message: 'ack', address: GIVEN, ...none }])
  })

  test('do not take an answer of DHCP from the guest, nor a question from the network', () => {
    expect(foreign(read(dhcp({ type: 5, yiaddr: '10.0.0.1', isFromServer: true }), arp('10.0.0.1')))).toEqual([
      'ipv4 172.16.0.1',
      'arp 10.0.0.1',
    ])
    expect(dhcpIn(dhcp({ type: 5, yiaddr: '10.0.0.1', isFromServer: true }))).toEqual([])
    expect(new NetworkReader(GIVEN).toGuest(SENT, 1)).toEqual([])
  })

  test('name each address of a sender once that the guest was not given', () => {
    const events = read(
      ...[arp('192.168.1.5'), ipv4('192.168.1.5'), arp('10.1.1.1', [0x8100]), arp('10.1.1.2', [0x88a8, 0x8100])],
      ...[ipv4('10.0.0.9'), ipv6('20010db8000000000000000000000001'), ipv6('0'.repeat(32))],
      ...[ipv4('169.254.3.4'), ipv4('169.254.5.6')],
    )
    expect(foreign(events)).toEqual([
      ...['arp 192.168.1.5', 'arp 10.1.1.1', 'arp 10.1.1.2', 'ipv4 10.0.0.9', 'ipv6 2001:db8::1', 'ipv4 169.254.3.4'],
    ])
  })

  test('name no address that DHCP gave', () => {
    const reader = new NetworkReader(GIVEN)
    reader.toGuest(pcap([dhcp({ type: 5, yiaddr: '172.16.0.11', isFromServer: true })]), 1)
    expect(reader.fromGuest(pcap([arp('172.16.0.11'), ipv4(GIVEN)]), 2)).toEqual([])
  })

  test('have host names and vendors without what terminals obey, cut', () => {
    expect(option(12, 'we\x1b[31mb\u202e1\n')).toMatchObject({ hostName: 'we[31mb1' })
    expect(option(60, 'v'.repeat(200))).toMatchObject({ vendor: `${'v'.repeat(79)}…` })
    expect(option(12, Buffer.from([0xff, 0xfe]))).toMatchObject({ hostName: undefined })
  })

  test('have the host name of option 81, in text and as in DNS', () => {
    expect(option(81, '\0\0\0web1.example')).toMatchObject({ hostName: 'web1.example' })
    expect(option(81, '\x04\0\0\x04web1\x07example\0')).toMatchObject({ hostName: 'web1.example' })
    expect(option(81, '\x04\0\0\x3fweb1')).toMatchObject({ hostName: 'web1' })
  })

  test('join the parts of an option', () => {
    const parts = dhcp({
      type: 3,
      options: [
        [12, 'we'],
        [0, ''],
        [12, 'b1'],
      ],
    })
    expect(dhcpIn(parts)).toMatchObject([{ hostName: 'web1' }])
  })

  test('have no fragments, and no cut packets', () => {
    const [, , question] = [...new PcapReader().read(SENT)]
    const fragment = ipv4('0.0.0.0', 17, dhcp({ type: 1 }).subarray(34), 0x2000)
    expect(read(fragment, (question as Buffer).subarray(0, 30), frame(0x0800, Buffer.from('45'))).length).toBe(0)
  })

  test('end after some, however many a guest causes', () => {
    const reader = new NetworkReader(GIVEN)
    const flood = Array.from({ length: 20_000 }, (_, at) => [
      arp(`10.1.${at >> 8}.${at & 255}`),
      dhcp({ type: 1 }),
    ]).flat()
    const began = process.cpuUsage()
    const events = reader.fromGuest(pcap(flood), 1)
    expect(secondsSince(began)).toBeLessThan(3)
    expect(foreign(events)).toHaveLength(8)
    expect(events).toHaveLength(208)
  })

  test('of thousands of damaged dumps are none or sound', () => {
    const random = randomNumbers(2)
    const began = process.cpuUsage()
    for (let round = 0; round < some(50_000, 10); round++) {
      const reader = new NetworkReader(GIVEN)
      for (const chunk of chunks(mutated(SENT, random), random))
        for (const event of reader.fromGuest(chunk, 1)) sound(event)
      for (const event of reader.toGuest(mutated(RECEIVED, random), 1)) sound(event)
    }
    expect(secondsSince(began)).toBeLessThan(some(100, 10))
  })
})

/** Returns the seconds of processor time since then, which other processes do not make longer. */
function secondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1e6
}

function sound(event: GuestEvent): void {
  const text = JSON.stringify(event)
  if (text.length > 600 || /\p{C}/u.test(text)) throw new Error(text)
}
