import type { GuestFiles } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import { linesOf } from './lines.ts'
import { yamlEntries } from './yaml.ts'

const MAIN: GuestPath = '/etc/cloud/cloud.cfg'
const FOLDER: GuestPath = '/etc/cloud/cloud.cfg.d'
const IDENTIFY: GuestPath = '/etc/cloud/ds-identify.cfg'

/** What the configuration of cloud-init says of data sources. */
export interface DataSources {
  /** The effective datasource_list; undefined if none is set. */
  list: { names: readonly string[]; path: GuestPath; line: number } | undefined
  /** True if cloud-init looks for the Ec2 source although the host does not claim to be Amazon's. */
  isForced: boolean
}

/** Returns true if cloud-init is installed. */
export async function hasCloudInit(files: GuestFiles): Promise<boolean> {
  return files.exists('/usr/bin/cloud-init')
}

/**
 * Reads which data sources cloud-init uses: cloud.cfg, then the files in cloud.cfg.d by name, of which
 * the last counts, and ds-identify.cfg, which decides at boot whether cloud-init runs at all.
 */
export async function dataSources(files: GuestFiles): Promise<DataSources> {
  const sources: DataSources = { list: undefined, isForced: await isNamed(files) }
  for (const path of [MAIN, ...(await files.matching(FOLDER, /\.cfg$/))]) {
    const text = (await files.text(path)) ?? ''
    // Most of the files do not mention it, and need not be valid for us.
    if (!/datasource/.test(text)) continue
    const entries = await yamlEntries(path, text)
    const lists = entries.filter(({ keys, value }) => keys.join('.') === 'datasource_list' && Array.isArray(value))
    for (const { value, line } of lists) sources.list = { names: (value as unknown[]).map(String), path, line }
    sources.isForced ||= entries.some(
      ({ keys, value }) => keys.join('.') === 'datasource.Ec2.strict_id' && value === false,
    )
  }
  return { ...sources, isForced: sources.isForced || isOnlyEc2(sources.list?.names ?? []) }
}

/** Returns true for a list with only one source, which is taken as it is. */
function isOnlyEc2(names: readonly string[]): boolean {
  return names.includes('Ec2') && names.every((name) => name === 'Ec2' || name === 'None')
}

/** Returns true if ds-identify.cfg names the source, or turns the search off. */
async function isNamed(files: GuestFiles): Promise<boolean> {
  const text = (await files.text(IDENTIFY)) ?? ''
  return linesOf(text).some((line) => /^(?:datasource:[ \t]*Ec2|policy:[ \t]*enabled)\b/.test(line.text))
}
