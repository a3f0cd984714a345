import { type GuestFiles, join } from '../tree/guest-files.ts'
import { type GuestPath, shown } from '../tree/guest-path.ts'
import { Unreadable } from '../tree/undecided.ts'
import { entriesOf, sectionsIn } from './sections.ts'

/** Folders of units, in the order in which systemd searches them (systemd.unit(5)). */
const FOLDERS: readonly GuestPath[] = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']
/** Units that are looked at. */
const MOST_UNITS = 2000

/** Whether a unit starts at boot. */
export type UnitState = 'enabled' | 'disabled' | 'masked' | 'missing'

/**
 * Returns whether a unit starts at boot: whether a target wants or requires it. Presets, which systemd
 * may apply at the first boot, are not considered.
 */
export async function unitState(files: GuestFiles, name: string): Promise<UnitState> {
  const unit = await findUnit(files, name)
  if (unit === undefined) return 'missing'
  if (await isMasked(files, unit)) return 'masked'
  return (await enabledUnits(files)).has(name) ? 'enabled' : 'disabled'
}

/** Returns the names of the units that targets want or require, also in templates such as `serial-getty@ttyS0.service`. */
export async function enabledUnits(files: GuestFiles): Promise<Set<string>> {
  const units = new Set<string>()
  for (const folder of FOLDERS)
    for (const wants of await files.matching(folder, /\.(?:wants|requires)$/))
      for (const name of await files.names(wants)) {
        units.add(name)
        // A link may give the unit another name, such as sshd.service for ssh.service.
        const link = await files.findLink(join(wants, name))
        if (link?.stat.kind === 'link') units.add((await files.leadsTo(link.path)).replace(/^.*\//, ''))
        if (units.size > MOST_UNITS) throw new Unreadable(`more than ${MOST_UNITS} units are enabled`)
      }
  return units
}

/** Returns the paths of the services that start at boot, and of those in /etc/systemd/system, which somebody added. */
export async function servicesOf(files: GuestFiles): Promise<GuestPath[]> {
  const paths = new Set<GuestPath>()
  for (const name of await enabledUnits(files)) {
    const unit = name.endsWith('.service') ? await findUnit(files, name) : undefined
    if (unit !== undefined && (await files.isFile(unit))) paths.add(unit)
  }
  return [...paths]
}

/** Returns the path of a unit, or of the template that it is made from; undefined if there is none. */
export async function findUnit(files: GuestFiles, name: string): Promise<GuestPath | undefined> {
  const template = name.replace(/@[^.]*\./, '@.')
  for (const folder of FOLDERS)
    for (const each of new Set([name, template])) {
      const path = join(folder, each)
      if ((await files.findLink(path)) !== undefined) return path
    }
  return undefined
}

/** Returns true for the text of a unit that starts only at the first boot, as systemd defines it (systemd.unit(5)). */
export function isForFirstBoot(unit: string): boolean {
  return entriesOf(sectionsIn(unit), 'unit', 'conditionfirstboot').some(({ value }) =>
    /^(?:yes|true|on|1)$/i.test(value),
  )
}

async function isMasked(files: GuestFiles, unit: GuestPath): Promise<boolean> {
  const real = await files.leadsTo(unit)
  if (real === '/dev/null') return true
  const found = await files.find(real)
  if (found !== undefined && found.stat.kind !== 'file') {
    throw new Unreadable(`${shown(real)} is a ${found.stat.kind}, not a file`)
  }
  return found?.stat.size === 0
}
