import type { GuestFiles } from '../../tree/guest-files.ts'
import { entriesOf, type Section, sectionsIn } from '../sections.ts'
import { type ConfigFile, configFiles } from './config-files.ts'
import type { NetworkSetting } from './settings.ts'

const FOLDERS = [
  '/etc/NetworkManager/system-connections',
  '/usr/lib/NetworkManager/system-connections',
  '/lib/NetworkManager/system-connections',
]
/** Older releases gave the files no ending. */
const READ = /^[^.].*(?<!~|\.bak|\.orig|\.rpmnew|\.rpmsave|\.old)$/
const IPS = ['ipv4', 'ipv6']
const CARDS = ['ethernet', '802-3-ethernet', 'wifi', '802-11-wireless']
/** A MAC address, with colons or as the decimal bytes of old releases. Words such as "preserve" and "random" are none. */
const MAC = /^(?:[0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2}){5}|\d+(?:;\d+){5};?)$/i

/** Reads the profiles of NetworkManager (nm-settings-keyfile(5)). Only addresses and methods leave this function, no passwords. */
export async function networkManagerSettings(files: GuestFiles): Promise<NetworkSetting[]> {
  const settings: NetworkSetting[] = []
  for await (const file of configFiles(files, FOLDERS, READ)) settings.push(...settingsIn(file))
  return settings
}

function settingsIn({ path, text }: ConfigFile): NetworkSetting[] {
  const sections = sectionsIn(text)
  if (entriesOf(sections, 'connection', 'type')[0]?.value === 'loopback') return []
  return sections.flatMap(({ name, entries }) =>
    entries.flatMap((entry) => {
      const kind = kindOf(name, entry)
      return kind === undefined ? [] : [{ kind, path, line: entry.line, value: `${entry.key}=${entry.value}` }]
    }),
  )
}

function kindOf(section: string, { key, value }: Section['entries'][number]): NetworkSetting['kind'] | undefined {
  if (IPS.includes(section) && /^address(?:es)?\d*$/.test(key) && value !== '') return 'address'
  if (section === 'ipv4' && key === 'method' && value === 'auto') return 'dhcp'
  if (CARDS.includes(section) && /^(?:cloned-)?mac-address$/.test(key) && MAC.test(value)) return 'mac'
  return section === 'connection' && key === 'autoconnect' && /^(?:false|no|0)$/i.test(value) ? 'off' : undefined
}
