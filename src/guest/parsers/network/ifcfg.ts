import type { GuestFiles } from '../../tree/guest-files.ts'
import { type Assigned, assignmentsIn } from '../assignments.ts'
import { withoutLines } from '../lines.ts'
import { type ConfigFile, configFiles } from './config-files.ts'
import type { NetworkSetting } from './settings.ts'

/** Folders of ifcfg files: Red Hat's and SUSE's. */
const FOLDERS = ['/etc/sysconfig/network-scripts', '/etc/sysconfig/network']
/** Names that the network scripts read; they skip the leftovers of editors and packages. */
const READ = /^ifcfg-(?!lo\d*$).*(?<!~|\.bak|\.orig|\.rpmnew|\.rpmorig|\.rpmsave|\.old)$/
const FIXED = ['IPADDR', 'IPADDR0', 'IPADDR1', 'IPADDR2', 'IPV6ADDR']
const MACS = ['HWADDR', 'MACADDR', 'LLADDR']
const ASSIGNED = `^(\\s*(?:export[ \\t]+)?(?:${MACS.join('|')})=)`
/** A line with nothing but one of these, and a comment. */
const MAC_LINE = new RegExp(`${ASSIGNED}(?:"[^"]*"|'[^']*'|[^\\s;"']+)\\s*(?:#.*)?$`)
/** One of these before something else. */
const MAC = new RegExp(`${ASSIGNED}(?:"[^"]*"?|'[^']*'?)?[^\\s;]*`)
/** Whether the interface starts at boot, in Red Hat's and SUSE's files. Without them, it does. */
const STARTS = ['ONBOOT', 'STARTMODE']

/** Reads ifcfg files (nm-settings-ifcfg-rh(5), /usr/share/doc/initscripts/sysconfig.txt). */
export async function ifcfgSettings(files: GuestFiles): Promise<NetworkSetting[]> {
  const settings: NetworkSetting[] = []
  for await (const file of configFiles(files, FOLDERS, READ)) settings.push(...settingsIn(file))
  return settings
}

function settingsIn({ path, text }: ConfigFile): NetworkSetting[] {
  const values = assignmentsIn(text)
  const isDhcp = /^(?:dhcp|dhcp4|bootp)$/i.test(values.get('BOOTPROTO')?.value ?? '')
  return [...values].flatMap(([name, assigned]) => {
    const kind = kindOf(name, assigned, isDhcp)
    return kind === undefined ? [] : [{ kind, path, line: assigned.line, value: `${name}=${assigned.value}` }]
  })
}

function kindOf(name: string, { value }: Assigned, isDhcp: boolean): NetworkSetting['kind'] | undefined {
  if (value === '') return undefined
  if (FIXED.includes(name) && (!isDhcp || name === 'IPV6ADDR')) return 'address'
  if (MACS.includes(name)) return 'mac'
  if (name === 'BOOTPROTO' && isDhcp) return 'dhcp'
  return STARTS.includes(name) && isDhcp && /^(?:no|off|manual)$/i.test(value) ? 'off' : undefined
}

/** Returns the text of an ifcfg file without MAC addresses, also those that a later line overrides. */
export function ifcfgWithoutMac({ text }: ConfigFile): string {
  const lines = text.split('\n')
  const emptied = lines.map((line) => (MAC_LINE.test(line) ? line : line.replace(MAC, '$1'))).join('\n')
  return withoutLines(emptied, new Set(lines.flatMap((line, at) => (MAC_LINE.test(line) ? [at + 1] : []))))
}
