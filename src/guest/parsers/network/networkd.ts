import type { GuestFiles } from '../../tree/guest-files.ts'
import { entriesOf, type Section, sectionsIn } from '../sections.ts'
import type { NetworkSetting } from './settings.ts'

/** Folders in the order of precedence: a file hides those of the same name in later folders. */
const FOLDERS = ['/etc/systemd/network', '/usr/lib/systemd/network', '/lib/systemd/network']

/** Keys by section that fix an address or a network card. */
const FIXED: readonly [section: string, key: string, kind: NetworkSetting['kind']][] = [
  ['network', 'address', 'address'],
  ['address', 'address', 'address'],
  ['match', 'macaddress', 'mac'],
  ['match', 'permanentmacaddress', 'mac'],
  ['link', 'macaddress', 'mac'],
]

/** Reads systemd.network(5) and systemd.link(5). */
export async function networkdSettings(files: GuestFiles): Promise<NetworkSetting[]> {
  const settings: NetworkSetting[] = []
  const seen = new Set<string>()
  for (const folder of FOLDERS)
    for (const path of await files.matching(folder, /\.(?:network|link)$/)) {
      const name = path.replace(/^.*\//, '')
      if (seen.has(name)) continue
      seen.add(name)
      const sections = sectionsIn((await files.text(path)) ?? '')
      if (isForOthers(sections)) continue
      for (const [section, key, kind] of FIXED)
        for (const { value, line } of entriesOf(sections, section, key))
          if (value !== '') settings.push({ kind, path, line, value: `${spelled(key)}=${value}` })
      for (const { value, line } of entriesOf(sections, 'network', 'dhcp'))
        if (/^(?:yes|true|on|1|both|ipv4|v4)$/i.test(value))
          settings.push({ kind: 'dhcp', path, line, value: `DHCP=${value}` })
    }
  return settings
}

/** Returns true for files that systemd ships for containers, virtual links and the loopback, none of which is a card of this guest. */
function isForOthers(sections: readonly Section[]): boolean {
  const matched = (key: string) => entriesOf(sections, 'match', key).map(({ value }) => value)
  return (
    matched('name').some((value) => /^(?:lo|ve-|vz-|vb-|vt-|mv-|ipvlan|host0)/.test(value)) ||
    matched('driver').some((value) => /^(?:veth|tun|bridge)/.test(value)) ||
    matched('virtualization').some((value) => /^(?:container|!vm)/.test(value)) ||
    matched('kind').length > 0
  )
}

function spelled(key: string): string {
  return { address: 'Address', macaddress: 'MACAddress', permanentmacaddress: 'PermanentMACAddress' }[key] ?? key
}
