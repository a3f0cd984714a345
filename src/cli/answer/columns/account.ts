import type { Account } from '../../../registry/account/details.ts'
import type { Column } from '../columns.ts'

/** The columns of a list of accounts. */
export const ACCOUNT_COLUMNS: Column<Account>[] = [
  { name: 'id' },
  {
    name: 'enabled',
    header: 'STATE',
    needs: ['deleted_at'],
    cell: stateOf,
    rank: 1,
  },
  { name: 'created_at', header: 'CREATED', rank: 2 },
  { name: 'description', isText: true },
]

function stateOf(account: Account): string {
  if (account.deleted_at) return 'deleted'
  return account.enabled ? 'enabled' : 'disabled'
}
