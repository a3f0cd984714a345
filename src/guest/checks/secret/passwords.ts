import { passwordEntries } from '../../parsers/accounts.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { GuestCheck } from '../check.ts'

export const passwords: GuestCheck = {
  id: 'secret.passwords',
  severity: 'error',
  requirement: 'No account can log in with a password that all instances would share.',
  looksAt: '`/etc/shadow`, `/etc/passwd`',
  remedy: 'Lock the account with passwd --lock, and log in with SSH keys.',

  async *run({ files }) {
    const entries = await passwordEntries(files)
    if (!(await files.exists('/etc/passwd'))) throw new Undecided('/etc/passwd does not exist')
    for (const { path, line, name, password } of entries) {
      if (password === '') yield { message: 'an account needs no password', path, line, value: name }
      // shadow(5): a ! or * is no hash, and locks an account also in front of one.
      else if (!/^[!*]|^(?:x|NP|LK)$/.test(password))
        yield { result: 'warning', message: 'an account has a password', path, line, value: name }
    }
  },
}
