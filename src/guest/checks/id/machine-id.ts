import type { GuestCheck } from '../check.ts'

const MACHINE_ID = '/etc/machine-id'
const DBUS_ID = '/var/lib/dbus/machine-id'

export const machineId: GuestCheck = {
  id: 'id.machine-id',
  severity: 'error',
  requirement: 'The machine ID is empty, so that each instance gets its own.',
  looksAt: `\`${MACHINE_ID}\`, \`${DBUS_ID}\``,
  remedy: `Empty ${MACHINE_ID}, but keep the file, and link ${DBUS_ID} to it.`,

  async notApplicable({ files, system }) {
    const hasAny = (await files.exists(MACHINE_ID)) || (await files.exists(DBUS_ID))
    return hasAny || system.init === 'systemd' ? undefined : 'the guest has no machine ID'
  },

  async *run({ files, system }) {
    const id = await files.text(MACHINE_ID)
    // machine-id(5)
    if (id !== undefined && !['', 'uninitialized'].includes(id.trim()))
      yield { message: 'the machine ID is not empty', path: MACHINE_ID, line: 1 }
    if (id === undefined && system.init === 'systemd')
      yield {
        result: 'warning',
        message: 'the file is missing; systemd needs an empty one if the root is read-only at first',
        path: MACHINE_ID,
      }
    if ((await files.leadsTo(DBUS_ID)) === (await files.leadsTo(MACHINE_ID))) return
    if (((await files.text(DBUS_ID)) ?? '').trim() !== '')
      yield { message: 'the machine ID of D-Bus is not empty', path: DBUS_ID, line: 1 }
  },
}
