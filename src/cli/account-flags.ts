import { Flags } from '@oclif/core'
import * as list from './list-flags.ts'

/** Which accounts a list holds, and how it is shown. */
export const accountList = {
  quiet: list.quiet(),
  description: list.pattern('a description'),
  enabled: Flags.boolean({ allowNo: true, summary: 'Only enabled ones.' }),
  ...list.common('accounts', 'a-ID'),
}
