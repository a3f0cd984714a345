import type { GuestFiles } from '../../tree/guest-files.ts'
import { shown } from '../../tree/guest-path.ts'
import { Undecided } from '../../tree/undecided.ts'
import { type YamlEntry, type YamlPlace, yamlEntries } from '../yaml.ts'
import { type ConfigFile, configFiles } from './config-files.ts'
import type { NetworkSetting } from './settings.ts'

const FOLDERS = ['/etc/netplan', '/usr/lib/netplan', '/lib/netplan']
const DEVICES = ['ethernets', 'bonds', 'bridges', 'vlans', 'wifis', 'modems', 'tunnels', 'dummy-devices']
/** What the names of network cards start with. */
const CARDS = 'e*'

/** Reads netplan files (https://netplan.readthedocs.io/en/stable/netplan-yaml/). */
export async function netplanSettings(files: GuestFiles): Promise<NetworkSetting[]> {
  const settings: NetworkSetting[] = []
  for await (const { path, text } of configFiles(files, FOLDERS, /\.yaml$/)) {
    const isGenerated = /^#.*\b(?:cloud-init|datasource)\b/m.test(text)
    for (const entry of await yamlEntries(path, text)) {
      const { keys, value, line } = entry
      const kind = kindOf(entry)
      const setting = { path, line, value: `${keys.at(-1)}: ${flat(value)}`, ...(isGenerated && { isGenerated }) }
      if (kind !== undefined) settings.push({ kind, ...setting })
    }
  }
  return settings
}

/**
 * Returns the text of a netplan file without MAC addresses. An interface that was found only by one is found
 * by the start of its name instead.
 *
 * @throws Undecided if that is not possible without changing anything else, for example because of an anchor.
 */
export async function netplanWithoutMac({ path, text }: ConfigFile): Promise<string> {
  const before = await yamlEntries(path, text)
  // Aliases show the same place several times.
  const macs = new Map(before.filter((entry) => kindOf(entry) === 'mac').map((entry) => [entry.place.start, entry]))
  let changed = text
  for (const entry of [...macs.values()].sort((a, b) => b.place.start - a.place.start))
    changed = without(changed, entry)
  const expected = before.flatMap((entry) => {
    if (!macs.has(entry.place.start)) return [meaningOf(entry)]
    return isOnlyMatch(entry) ? [meaningOf({ keys: [...entry.keys.slice(0, -1), 'name'], value: CARDS })] : []
  })
  const after = (await yamlEntries(path, changed)).map(meaningOf)
  if (JSON.stringify(after) !== JSON.stringify(expected))
    throw new Undecided(`the MAC address in ${shown(path)} cannot be removed`)
  return changed
}

function meaningOf({ keys, value }: Pick<YamlEntry, 'keys' | 'value'>): unknown {
  return [keys, value === undefined ? 'a map' : { value }]
}

/** Returns true for the only condition that an interface is found by. Without it, any would be. */
function isOnlyMatch({ keys, place }: YamlEntry): boolean {
  return keys.at(-2) === 'match' && isAlone(place)
}

function isAlone({ previousEnd, nextStart }: YamlPlace): boolean {
  return previousEnd === undefined && nextStart === undefined
}

/** Returns a text without the key and value of an entry. */
function without(text: string, entry: YamlEntry): string {
  const { start, end, previousEnd, nextStart, isFlow } = entry.place
  const cut = (from: number, to: number, replacement = '') => text.slice(0, from) + replacement + text.slice(to)
  if (isOnlyMatch(entry)) return cut(start, end, `name: "${CARDS}"`)
  if (isAlone(entry.place)) return cut(start, end, isFlow ? '' : '{}')
  if (isFlow) return nextStart === undefined ? cut(previousEnd ?? start, end) : cut(start, nextStart)
  const lineEnd = text.indexOf('\n', end)
  return cut(text.lastIndexOf('\n', start) + 1, lineEnd === -1 ? text.length : lineEnd + 1)
}

function kindOf({ keys, value }: YamlEntry): NetworkSetting['kind'] | undefined {
  const [network, devices = '', device, ...rest] = keys
  if (network !== 'network' || !DEVICES.includes(devices) || device === undefined || device === 'lo') return undefined
  const key = rest.join('.')
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
