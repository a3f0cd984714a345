import type { GuestFiles } from '../../tree/guest-files.ts'
import { yamlEntries } from '../yaml.ts'
import { configFiles } from './config-files.ts'
import type { NetworkSetting } from './settings.ts'

const FOLDERS = ['/etc/netplan', '/usr/lib/netplan', '/lib/netplan']
const DEVICES = ['ethernets', 'bonds', 'bridges', 'vlans', 'wifis', 'modems', 'tunnels', 'dummy-devices']

/** Reads netplan files (https://netplan.readthedocs.io/en/stable/netplan-yaml/). */
export async function netplanSettings(files: GuestFiles): Promise<NetworkSetting[]> {
  const settings: NetworkSetting[] = []
  for await (const { path, text } of configFiles(files, FOLDERS, /\.yaml$/)) {
    const isGenerated = /^#.*\b(?:cloud-init|datasource)\b/m.test(text)
    for (const { keys, value, line } of await yamlEntries(path, text)) {
      const [network, devices = '', device, ...rest] = keys
      if (network !== 'network' || !DEVICES.includes(devices) || device === undefined || device === 'lo') continue
      const kind = kindOf(rest.join('.'), value)
      const setting = { path, line, value: `${rest.at(-1)}: ${flat(value)}`, ...(isGenerated && { isGenerated }) }
      if (kind !== undefined) settings.push({ kind, ...setting })
    }
  }
  return settings
}

function kindOf(key: string, value: unknown): NetworkSetting['kind'] | undefined {
  if (key === 'addresses' && Array.isArray(value) && value.length > 0) return 'address'
  if (key === 'dhcp4' && (value === true || value === 'yes' || value === 'on')) return 'dhcp'
  if (key === 'match.macaddress' || key === 'macaddress') return isFixedMac(value) ? 'mac' : undefined
  return undefined
}

function isFixedMac(value: unknown): boolean {
  return typeof value !== 'string' || !/^(?:random|stable|permanent|preserve)/.test(value)
}

function flat(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value)
}
