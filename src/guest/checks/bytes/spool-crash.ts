import { leftOver, removedWhole } from './left-over.ts'

export const spoolCrash = leftOver({
  id: 'spool.crash',
  what: 'crash data is left',
  folders: [
    ['/var/crash'],
    ['/var/lib/systemd/coredump'],
    ['/var/spool/abrt'],
    ['/var/tmp/abrt'],
    ['/var/lib/apport/coredump'],
  ],
  requirement: 'There is no crash data.',
  remedy: 'Delete the files.',
  prepares: 'Deletes the files, and the folders that they are in.',
  editOf: removedWhole,
})
