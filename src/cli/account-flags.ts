import { Flags } from '@oclif/core'
import * as flags from './flags.ts'
import * as list from './list-flags.ts'

/** Which accounts a list holds, and how it is shown. */
export const accountList = {
  quiet: flags.quiet(),
  description: list.pattern('a description'),
  enabled: Flags.boolean({ allowNo: true, summary: 'Only enabled ones.' }),
  ...list.common('accounts', 'a-ID', ['created', 'updated', 'deleted']),
}
