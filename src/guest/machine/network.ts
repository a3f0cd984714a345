import { symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The network of a virtual machine. */
export type Network = OpenNetwork | ClosedNetwork | RestrictedNetwork

/** The networks of this host by address translation, with DHCP and DNS. The loopback of this host can be reached, too. */
interface OpenNetwork {
  kind: 'open'
}

/** A network with DHCP and nothing else. */
interface ClosedNetwork {
  kind: 'closed'
}

/**
 * A network with DHCP, the metadata service at 169.254.169.254, and nothing else: neither the loopback of this host nor any
 * other network can be reached. A free port of 127.0.0.1 leads to port 22 of the guest.
 */
interface RestrictedNetwork {
  kind: 'restricted'
  /** MAC address of the guest. */
  mac: string
  /** Name of the Unix socket of the metadata service, in the folder of the machine. */
  metadataSocket: string
  /** Called with pcap(5) bytes of what the guest sends. */
  fromGuest: (chunk: Buffer) => void
  /** Called with pcap(5) bytes of what the guest is sent. */
  toGuest: (chunk: Buffer) => void
}

/** The addresses of the restricted network. It contains 169.254.169.254, as QEMU demands of an address that it forwards. */
export const RESTRICTED = {
  network: '168.0.0.0',
  prefix: 5,
  netmask: '248.0.0.0',
  broadcast: '175.255.255.255',
  gateway: '172.16.0.1',
  dns: '172.16.0.3',
  /** The address that DHCP gives to the guest. */
  guest: '172.16.0.10',
} as const
/** The names of the FIFOs of packets in the folder of the machine, by direction as QEMU names it. */
export const PACKETS = { rx: 'from-guest', tx: 'to-guest' } as const

/** Names in the folder of the machine, which is QEMU's working folder, so that no path needs quotes. */
const [NODE, CONNECTOR] = ['node', 'connector.cjs']

/** Puts into the folder of a machine what QEMU runs for each connection to the metadata service. */
export async function placeConnector(folder: string): Promise<void> {
  await symlink(process.execPath, join(folder, NODE))
  // Found through the imports of package.json: the importing code may be in any bundle, so relative paths differ.
  await symlink(createRequire(import.meta.url).resolve('#metadata-connector'), join(folder, CONNECTOR))
}

/** Returns QEMU's arguments for a network. */
export function networkArguments(network: Network): string[] {
  if (network.kind !== 'restricted') {
    const netdev = network.kind === 'open' ? 'user,id=n0' : 'user,id=n0,restrict=on'
    return ['-netdev', netdev, '-device', 'virtio-net-pci,netdev=n0']
  }
  const { network: net, prefix, gateway, dns, guest } = RESTRICTED
  const netdev = [
    'user,id=n0',
    // Without `restrict`, the gateway is the loopback of this host.
    `restrict=on,ipv6=off,net=${net}/${prefix},host=${gateway},dns=${dns},dhcpstart=${guest}`,
    // A character device would serve the first connection only.
    `guestfwd=tcp:169.254.169.254:80-cmd:./${NODE} ${CONNECTOR} ${network.metadataSocket}`,
    // QEMU takes a free port; no other process can take it before.
    'hostfwd=tcp:127.0.0.1:0-:22',
  ]
  const dumps = Object.entries(PACKETS).flatMap(([queue, file]) => [
    '-object',
    `filter-dump,id=${file},netdev=n0,queue=${queue},file=${file}`,
  ])
  // Without its ROM, only the guest asks for addresses.
  return ['-netdev', netdev.join(), '-device', `virtio-net-pci,netdev=n0,mac=${network.mac},romfile=`, ...dumps]
}

/**
 * Returns the port of 127.0.0.1 that leads to port 22 of the guest.
 *
 * @param text the answer to `info usernet` of QEMU's monitor.
 */
export function forwardedPort(text: string): number | undefined {
  const [, port] = /^ *TCP\[HOST_FORWARD\] +\d+ +127\.0\.0\.1 +(\d+) +\S+ +22 /m.exec(text) ?? []
  return port === undefined ? undefined : Number(port)
}
