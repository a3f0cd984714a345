/**
 * Waits for ever for a transaction that did not begin. knex tells whoever waits for it
 * of the failure, and then still runs its work, beside whatever comes next.
 */
export async function begun(transaction: { isCompleted(): boolean }, beginning: Promise<unknown>): Promise<unknown> {
  const answer = await beginning
  return transaction.isCompleted() ? new Promise(() => {}) : answer
}
