import { RESTRICTED } from '../machine/network.ts'
import type { Instance, NetworkInterface } from '../metadata/instance.ts'

/** Characters of the longest host name that Wakame-vdc gives. */
const LONGEST_HOST_NAME = 32

/**
 * Returns the instance that an image is to become in a virtual machine: it has one interface, with the address that
 * DHCP gives there. In the second boot, its ID, its host name and its MAC address are others.
 *
 * @param publicKey with which it can be logged in to, before all other keys; undefined for none.
 */
export function identityOf(instance: Instance, boot: 1 | 2, publicKey: string | undefined): Instance {
  const own = publicKey === undefined ? [] : [{ name: 'ssh-try', key: publicKey }]
  const inNetwork = instance.interfaces.slice(0, 1).map((each) => ({ ...each, ...PLACE }))
  const first = { ...instance, publicKeys: [...own, ...instance.publicKeys], interfaces: inNetwork }
  if (boot === 1) return first
  return {
    ...first,
    id: `${first.id}2`,
    hostName: `${first.hostName.slice(0, LONGEST_HOST_NAME - 1)}2`,
    interfaces: inNetwork.map((each) => ({ ...each, mac: nextMac(each.mac) })),
  }
}

/** Where the interface is. */
const PLACE = {
  localIpv4: RESTRICTED.guest,
  gateway: RESTRICTED.gateway,
  network: RESTRICTED.network,
  netmask: RESTRICTED.netmask,
  broadcast: RESTRICTED.broadcast,
} satisfies Partial<NetworkInterface>

function nextMac(mac: string): string {
  const last = (Number.parseInt(mac.slice(-2), 16) + 1) % 256
  return mac.slice(0, -2) + last.toString(16).padStart(2, '0')
}
