import { leftOver } from './left-over.ts'

export const spoolCron = leftOver({
  id: 'spool.cron',
  what: 'cron or at jobs are left',
  folders: [
    // The files .SEQ and .placeholder are no jobs.
    ['/var/spool/cron', /^(?!\.)/],
    ['/var/spool/at', /^(?!\.)/],
  ],
  requirement: 'There are no cron and at jobs of accounts.',
  remedy: 'Delete the jobs that instances should not run.',
  prepares: 'Deletes the jobs.',
})
