import type { Instance, NetworkInterface } from './instance.ts'

/** A path below a version, and its body. A folder, whose path ends with a slash, has none: it lists what is in it. */
export type Served = readonly [path: string, body?: string | Buffer | undefined]

/** Returns the names of release 11.06, which has no folders. Several values are one per line. */
export function namesOf1106({ id, imageId, hostName, userData, publicKeys, interfaces }: Instance): Served[] {
  const all = (value: (each: NetworkInterface) => string | undefined) => linesOf(interfaces.map(value))
  const names: Served[] = [
    ['wmi-id', imageId],
    ['ami-id', imageId],
    ['mac', all(({ mac }) => mac)],
    ['network', all(({ networkId }) => networkId)],
    ['instance-id', id],
    ['local-hostname', hostName],
    ['local-ipv4', all(({ localIpv4 }) => localIpv4)],
    ['public-ipv4', all(({ publicIpv4 }) => publicIpv4)],
    ['public-keys', linesOf(publicKeys.map(({ key }) => key))],
    ['security-groups', groupsOf(interfaces)],
    ['user-data', userData ?? ''],
  ]
  return names.map(([name, body]) => [`meta-data/${name}`, body])
}

/** Returns the tree of release 16.1, in the order in which it is listed. */
export function treeOf161(instance: Instance): Served[] {
  const { id, imageId, hostName, instanceType, state, availabilityZone, userData, publicKeys, interfaces } = instance
  const [first] = interfaces
  const tree: Served[] = [
    ['ami-id', imageId],
    ['ami-launch-index', '0'],
    ['ami-manifest-path', ''],
    ['ancestor-ami-ids', ''],
    ['block-device-mapping/root', '/dev/sda'],
    ['hostname', hostName],
    ['instance-action', state],
    ['instance-id', id],
    ['instance-type', instanceType],
    ['kernel-id', ''],
    ['local-hostname', hostName],
    ['local-ipv4', first?.localIpv4 ?? ''],
    ['mac', first?.mac ?? ''],
    ['network/interfaces/macs/'],
    ...interfaces.flatMap((each) => interfaceOf(hostName, each)),
    ['placement/availability-zone', availabilityZone],
    ['product-codes', ''],
    ['public-hostname', hostName],
    ['public-ipv4', linesOf(interfaces.map(({ publicIpv4 }) => publicIpv4))],
    ['public-keys/', publicKeys.length === 0 ? '' : linesOf(publicKeys.map(({ name }, index) => `${index}=${name}`))],
    ...publicKeys.map(({ key }, index): Served => [`public-keys/${index}/openssh-key`, key]),
    ['ramdisk-id', ''],
    ['reservation-id', ''],
    ['security-groups', groupsOf(interfaces)],
  ]
  return [
    ['', 'meta-data\nuser-data'],
    ...tree.map(([path, body]): Served => [`meta-data/${path}`, body]),
    ['user-data', userData ?? ''],
  ]
}

function interfaceOf(hostName: string, each: NetworkInterface): Served[] {
  const values: Served[] = [
    ['local-hostname', hostName],
    ['local-ipv4s', each.localIpv4],
    ['mac', each.mac],
    ['public-hostname', hostName],
    ['public-ipv4s', each.publicIpv4 ?? ''],
    ['security-groups', each.securityGroups.join('\n')],
    ['x-gateway', each.gateway ?? ''],
    ['x-netmask', each.netmask],
    ['x-network', each.network],
    ['x-broadcast', each.broadcast],
    ['x-metric', String(each.metric)],
  ]
  return values.map(([name, body]) => [`network/interfaces/macs/${each.mac}/${name}`, body])
}

/** Returns the groups of all interfaces, each once. */
function groupsOf(interfaces: readonly NetworkInterface[]): string {
  return linesOf([...new Set(interfaces.flatMap(({ securityGroups }) => securityGroups))])
}

function linesOf(values: readonly (string | undefined)[]): string {
  return values.filter((value) => value !== undefined).join('\n')
}
