import { Flags } from '@oclif/core'
import * as flags from './common.ts'
import * as list from './list.ts'

/** Flags of lists of accounts. */
export const accountList = list.inGroups({
  quiet: flags.quiet(),
  description: list.pattern('a description'),
  enabled: Flags.boolean({ allowNo: true, summary: 'Enabled (or disabled) accounts.' }),
  ...list.common('accounts', 'a-ID', ['created', 'updated', 'deleted']),
})
