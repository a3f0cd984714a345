/**
 * Waits for ever for a transaction that did not begin. knex tells whoever waits for it
 * of the failure, and then runs its work all the same, beside whatever comes next.
 */
export async function begun(transaction: { isCompleted(): boolean }, beginning: Promise<unknown>): Promise<unknown> {
  const answer = await beginning
  return transaction.isCompleted() ? new Promise(() => {}) : answer
}
