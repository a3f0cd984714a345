/** What the metadata server knows of an instance (guest.md, "Metadata"). */
export interface Instance {
  /** Such as `i-abc12345`. */
  id: string
  /** Of the image that it boots, such as `wmi-abc12345`. */
  imageId: string
  hostName: string
  /** Its specification, such as `is-small`. */
  instanceType: string
  cpuCores: number
  /** Megabytes. */
  memorySize: number
  /** Its state, such as `running`. */
  state: string
  availabilityZone: string
  publicKeys: readonly PublicKey[]
  /** Undefined if it has none. */
  userData: Buffer | undefined
  interfaces: readonly NetworkInterface[]
}

/** A key that may log in to an instance. */
export interface PublicKey {
  /** Such as `ssh-abc12345`, or the name that its owner gave it. */
  name: string
  /** A line of authorized_keys(5). */
  key: string
}

/** A network interface of an instance. */
export interface NetworkInterface {
  /** Lower case, with colons. */
  mac: string
  /** Such as `nw-abc12345`. */
  networkId: string
  localIpv4: string
  /** Undefined if it has no address outside its network. */
  publicIpv4: string | undefined
  securityGroups: readonly string[]
  /** Undefined if its network has none. */
  gateway: string | undefined
  network: string
  netmask: string
  broadcast: string
  metric: number
}
