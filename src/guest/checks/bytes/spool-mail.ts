import { emptied, leftOver, removed } from './left-over.ts'

export const spoolMail = leftOver({
  id: 'spool.mail',
  what: 'mail is left',
  folders: [
    ['/var/mail'],
    ['/var/spool/mail'],
    ['/var/spool/mqueue'],
    ['/var/spool/exim4/input'],
    ['/var/spool/postfix/incoming'],
    ['/var/spool/postfix/active'],
    ['/var/spool/postfix/deferred'],
  ],
  requirement: 'There is no mail.',
  remedy: 'Delete the files.',
  prepares: 'Empties mailboxes, and deletes other mail.',
  // A mailbox belongs to its account, and the mail server may not be able to make it again.
  editOf: (left) =>
    /^\/var(?:\/spool)?\/mail$/.test(left.folder) && !left.below.includes('/') ? emptied(left) : removed(left),
})
