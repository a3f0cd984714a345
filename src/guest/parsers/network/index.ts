import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import { Undecided } from '../../tree/undecided.ts'
import { withContinuations, withoutLines } from '../lines.ts'
import type { ConfigFile } from './config-files.ts'
import { ifcfgSettings, ifcfgWithoutMac } from './ifcfg.ts'
import { interfacesSettings } from './interfaces.ts'
import { netplanSettings, netplanWithoutMac } from './netplan.ts'
import { networkManagerSettings } from './network-manager.ts'
import { networkdSettings, networkdWithoutMac } from './networkd.ts'
import type { NetworkSetting } from './settings.ts'

/** A kind of network configuration. */
interface Format {
  read(files: GuestFiles): Promise<NetworkSetting[]>
  /** Returns the text of a file without the MAC addresses in some lines. Throws Undecided if that is not possible. */
  withoutMac(file: ConfigFile, lines: ReadonlySet<number>): string | Promise<string>
}

const FORMATS: readonly Format[] = [
  { read: interfacesSettings, withoutMac: withoutLogicalLines },
  { read: ifcfgSettings, withoutMac: ifcfgWithoutMac },
  { read: netplanSettings, withoutMac: netplanWithoutMac },
  { read: networkManagerSettings, withoutMac: withoutLogicalLines },
  { read: networkdSettings, withoutMac: networkdWithoutMac },
]

/** All settings of a guest's network, and why some are unknown. */
export interface NetworkConfig {
  settings: NetworkSetting[]
  /** Why a kind of configuration could not be read. */
  unknown: Undecided[]
}

/** Reads all network configuration of a guest, whichever of it is in use. */
export async function networkConfig(files: GuestFiles): Promise<NetworkConfig> {
  const config: NetworkConfig = { settings: [], unknown: [] }
  for (const { read } of FORMATS) {
    try {
      config.settings.push(...(await read(files)))
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      config.unknown.push(error)
    }
  }
  return config
}

/** Yields the configuration files that name MAC addresses, without them. What cannot be read or changed is left out. */
export async function* withoutMacs(files: GuestFiles): AsyncGenerator<ConfigFile> {
  for (const format of FORMATS)
    for (const [path, lines] of await macLines(files, format)) {
      const file = await decided(async () => {
        const before = (await files.text(path)) ?? ''
        return { path: await files.fileFor(path), text: await format.withoutMac({ path, text: before }, lines) }
      })
      if (file !== undefined) yield file
    }
}

/** Returns the lines with MAC addresses, by their files. */
async function macLines(files: GuestFiles, { read }: Format): Promise<Map<GuestPath, Set<number>>> {
  const lines = new Map<GuestPath, Set<number>>()
  for (const { kind, path, line } of (await decided(() => read(files))) ?? [])
    if (kind === 'mac') lines.set(path, (lines.get(path) ?? new Set()).add(line))
  return lines
}

async function decided<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof Undecided) return undefined
    throw error
  }
}

function withoutLogicalLines({ text }: ConfigFile, lines: ReadonlySet<number>): string {
  return withoutLines(text, withContinuations(text, lines))
}
