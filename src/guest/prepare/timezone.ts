import { VdcError } from '../../core/errors.ts'
import type { Guest } from '../guest.ts'
import { withLine } from '../parsers/lines.ts'
import { type GuestFiles, join } from '../tree/guest-files.ts'
import { Undecided } from '../tree/undecided.ts'
import type { Edit, PrepareOptions } from './edit.ts'

const ZONES = '/usr/share/zoneinfo'
const LOCAL = '/etc/localtime'
/** Debian's name of the zone, beside the link. */
const DEBIAN = '/etc/timezone'
/** Red Hat's and SUSE's. Without it, an update of the time zones would set the former one again. */
const CLOCK = '/etc/sysconfig/clock'
const CLOCK_LINE = /^([ \t]*(?:ZONE|TIMEZONE)=)[^\r\n]*/m
/** What a file of a zone starts with (tzfile(5)). */
const MAGIC = 'TZif'
const NAME = /^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/

/**
 * Yields the edits that set the time zone of a guest, if one was chosen.
 *
 * @throws VdcError VALUE_REFUSED if the guest does not know the zone.
 */
export async function* timezoneEdits(
  { files }: Pick<Guest, 'files'>,
  { timezone }: PrepareOptions,
): AsyncGenerator<Edit> {
  if (timezone === undefined) return
  const zone = join(ZONES, timezone)
  if (!(NAME.test(timezone) && (await isZone(files, zone))))
    throw new VdcError('VALUE_REFUSED', `The guest has no time zone ${timezone}`, {
      hint: `The names of its time zones are the files in its ${ZONES}, for example Europe/Berlin`,
    })
  const what = `time zone ${timezone}`
  const local = await files.findLink(LOCAL)
  const isSet = local?.stat.kind === 'link' && (await leadsTo(files, LOCAL)) === (await files.leadsTo(zone))
  if (!isSet) yield { action: 'link', path: await files.placeFor(LOCAL), target: zone, what }
  const debian = await files.text(DEBIAN)
  if (debian !== undefined && debian.trim() !== timezone)
    yield { action: 'write', path: await files.fileFor(DEBIAN), text: `${timezone}\n`, what }
  const clock = await files.text(CLOCK)
  if (clock === undefined) return
  const text = CLOCK_LINE.test(clock)
    ? clock.replace(CLOCK_LINE, `$1"${timezone}"`)
    : withLine(clock, `ZONE="${timezone}"`)
  if (text !== clock) yield { action: 'write', path: await files.fileFor(CLOCK), text, what }
}

async function isZone(files: GuestFiles, path: string): Promise<boolean> {
  const found = await files.find(path)
  return found?.stat.kind === 'file' && (await files.start(found, MAGIC.length)) === MAGIC
}

/** Returns where a link leads; undefined if it cannot be followed, so that it is replaced. */
async function leadsTo(files: GuestFiles, path: string): Promise<string | undefined> {
  try {
    return await files.leadsTo(path)
  } catch (error) {
    if (error instanceof Undecided) return undefined
    throw error
  }
}
