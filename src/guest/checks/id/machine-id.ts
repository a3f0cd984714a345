import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestCheck } from '../check.ts'

/** The file with the ID of a guest (machine-id(5)). */
export const MACHINE_ID = '/etc/machine-id'
const DBUS_ID = '/var/lib/dbus/machine-id'
/** As systemd makes it. */
const READABLE = 0o444

export const machineId: GuestCheck = {
  id: 'id.machine-id',
  severity: 'error',
  requirement: 'The machine ID is empty, so that each instance gets its own.',
  looksAt: `\`${MACHINE_ID}\`, \`${DBUS_ID}\``,
  remedy: `Empty ${MACHINE_ID}, but keep the file, and link ${DBUS_ID} to it.`,
  prepares: `Empties ${MACHINE_ID}, and replaces ${DBUS_ID} by a link to it.`,

  async notApplicable({ files, system }) {
    const hasAny = (await files.exists(MACHINE_ID)) || (await files.exists(DBUS_ID))
    return hasAny || system.init === 'systemd' ? undefined : 'the guest has no machine ID'
  },

  async *run({ files, system }) {
    const id = await files.text(MACHINE_ID)
    if (isSet(id)) yield { message: 'the machine ID is not empty', path: MACHINE_ID, line: 1 }
    if (id === undefined && system.init === 'systemd')
      yield {
        result: 'warning',
        message: 'the file is missing; systemd needs an empty one if the root is read-only at first',
        path: MACHINE_ID,
      }
    if (await hasOtherId(files)) yield { message: 'the machine ID of D-Bus is not empty', path: DBUS_ID, line: 1 }
  },

  async *prepare({ files, system }) {
    const id = await files.text(MACHINE_ID)
    // Asked before the file changes.
    const hasOther = await hasOtherId(files)
    const isMade = id === undefined && system.init === 'systemd'
    if (isSet(id)) yield { action: 'write', path: await files.fileFor(MACHINE_ID), text: '', what: 'empty' }
    if (isMade)
      yield { action: 'write', path: await files.placeFor(MACHINE_ID), text: '', mode: READABLE, what: 'empty' }
    if (!hasOther) return
    const path = await files.placeFor(DBUS_ID)
    yield id === undefined && !isMade ? { action: 'remove', path } : { action: 'link', path, target: MACHINE_ID }
  },
}

/** Returns true for the text of a file that holds an ID (machine-id(5)). */
function isSet(id: string | undefined): boolean {
  return id !== undefined && !['', 'uninitialized'].includes(id.trim())
}

/** Returns true if D-Bus has an ID in a file of its own. */
async function hasOtherId(files: GuestFiles): Promise<boolean> {
  if ((await files.leadsTo(DBUS_ID)) === (await files.leadsTo(MACHINE_ID))) return false
  return ((await files.text(DBUS_ID)) ?? '').trim() !== ''
}
