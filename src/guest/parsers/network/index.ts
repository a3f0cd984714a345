import type { GuestFiles } from '../../tree/guest-files.ts'
import { Undecided } from '../../tree/undecided.ts'
import { ifcfgSettings } from './ifcfg.ts'
import { interfacesSettings } from './interfaces.ts'
import { netplanSettings } from './netplan.ts'
import { networkManagerSettings } from './network-manager.ts'
import { networkdSettings } from './networkd.ts'
import type { NetworkSetting } from './settings.ts'

/** One function per kind of network configuration. */
const READERS = [interfacesSettings, ifcfgSettings, netplanSettings, networkManagerSettings, networkdSettings]

/** All settings of a guest's network, and why some are unknown. */
export interface NetworkConfig {
  settings: NetworkSetting[]
  /** Why a kind of configuration could not be read. */
  unknown: Undecided[]
}

/** Reads all network configuration of a guest, whichever of it is in use. */
export async function networkConfig(files: GuestFiles): Promise<NetworkConfig> {
  const config: NetworkConfig = { settings: [], unknown: [] }
  for (const read of READERS) {
    try {
      config.settings.push(...(await read(files)))
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      config.unknown.push(error)
    }
  }
  return config
}
