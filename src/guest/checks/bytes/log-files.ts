import { leftOver } from './left-over.ts'

export const logFiles = leftOver({
  id: 'log.files',
  what: 'log files are left',
  folders: [['/var/log']],
  requirement: 'Log files are empty, and there are no old ones.',
  remedy: 'Empty the files in /var/log, and delete *.gz and other old ones.',
})
