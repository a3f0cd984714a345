import type { GuestPath } from '../../tree/guest-path.ts'

/** What a network configuration file says of an interface. Every kind of file is reduced to these. */
export interface NetworkSetting {
  /** `address`: a fixed address. `mac`: the address of one network card. `dhcp`: the interface uses DHCP. `off`: it does not start at boot. */
  kind: 'address' | 'mac' | 'dhcp' | 'off'
  path: GuestPath
  line: number
  /** As in the file, such as `address 192.168.0.5`. */
  value: string
  /** True if cloud-init wrote the file, and will write it again for each instance. */
  isGenerated?: boolean
}
