import type { GuestFiles } from '../../tree/guest-files.ts'
import { nameOf } from '../../tree/guest-path.ts'
import { withContinuations, withoutLines } from '../lines.ts'
import { entriesOf, type Section, sectionsIn } from '../sections.ts'
import { type ConfigFile, configFiles } from './config-files.ts'
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
  for await (const file of configFiles(files, FOLDERS, /\.(?:network|link)$/)) {
    if (!seen.has(nameOf(file.path))) settings.push(...settingsIn(file))
    seen.add(nameOf(file.path))
  }
  return settings
}

function settingsIn({ path, text }: ConfigFile): NetworkSetting[] {
  const sections = sectionsIn(text)
  if (isForOthers(sections)) return []
  const fixed = FIXED.flatMap(([section, key, kind]) =>
    entriesOf(sections, section, key)
      .filter(({ value }) => value !== '')
      .map(({ value, line }) => ({ kind, path, line, value: `${spelled(key)}=${value}` })),
  )
  const dhcp = entriesOf(sections, 'network', 'dhcp')
    .filter(({ value }) => /^(?:yes|true|on|1|both|ipv4|v4)$/i.test(value))
    .map(({ value, line }) => ({ kind: 'dhcp' as const, path, line, value: `DHCP=${value}` }))
  return [...fixed, ...dhcp]
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

/**
 * Returns the text of a network or link file without the lines of MAC addresses. A file that would match any
 * interface then, even the loopback, matches network cards.
 */
export function networkdWithoutMac({ text }: ConfigFile, lines: ReadonlySet<number>): string {
  const matches = sectionsIn(text).filter(({ name }) => name === 'match')
  const entries = matches.flatMap((section) => section.entries)
  const first = entries.find(({ line }) => lines.has(line))
  const isEmptied = entries.every(({ line, value }) => lines.has(line) || value === '')
  const replacements = new Map(first !== undefined && isEmptied ? [[first.line, 'Type=ether']] : [])
  return withoutLines(text, withContinuations(text, lines), replacements)
}
