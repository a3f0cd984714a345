import { networkConfig } from '../../parsers/network/index.ts'
import { codeOf, startScripts } from '../../parsers/start-scripts.ts'
import { unitState } from '../../parsers/systemd.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestCheck } from '../check.ts'
import { unknownBy } from '../each.ts'

/** Programs that ask for an address on their own, if nothing is configured. */
const CLIENTS = /\b(?:udhcpc|dhclient|dhcpcd|dhcp6c)\b/

export const dhcp: GuestCheck = {
  id: 'net.dhcp',
  severity: 'error',
  requirement: 'The network is configured by DHCP, and no address is static.',
  looksAt:
    '`/etc/network/interfaces` and what it includes, ifcfg files, netplan, profiles of NetworkManager, systemd-networkd',
  remedy: 'Configure the interface for DHCP in this file.',

  async *run({ files }) {
    const { settings, unknown } = await networkConfig(files)
    const isRunning = await hasClient(files)
    const dhcp = settings.filter(({ kind }) => kind === 'dhcp')
    for (const { kind, path, line, value, isGenerated } of settings)
      if (kind === 'address')
        yield {
          ...(isGenerated && { result: 'warning' }),
          message: 'the configuration has a static address',
          path,
          line,
          value,
        }
    const off = settings.filter(({ kind }) => kind === 'off')
    const isOff = (each: { path: string }) => off.some(({ path }) => path === each.path)
    if (dhcp.length > 0 && dhcp.every(isOff) && !isRunning)
      for (const { path, line, value } of off)
        yield {
          message: 'the interface does not start at boot',
          path,
          line,
          value,
          remedy: 'Have the interface start at boot.',
        }
    for (const error of unknown) yield unknownBy(error)
    if (settings.length === 0 && unknown.length === 0 && !isRunning)
      yield { result: 'unknown', message: 'no network configuration was found' }
  },
}

/** Returns true if the guest uses DHCP without configuration: by cloud-init, NetworkManager, or a client that starts at boot. */
async function hasClient(files: GuestFiles): Promise<boolean> {
  if (await files.exists('/usr/bin/cloud-init')) return true
  for (const unit of ['NetworkManager.service', 'dhcpcd.service'])
    if ((await unitState(files, unit)) === 'enabled') return true
  return (await startScripts(files)).some((script) => CLIENTS.test(codeOf(script)))
}
