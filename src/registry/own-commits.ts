import { VdcError } from '../core/errors.ts'
import type { Registry } from './registry.ts'

/**
 * Refuses to make a file for a registration that a shell may roll back with all others.
 *
 * @param hint the way out.
 * @throws VdcError USAGE within --tx bulk.
 */
export function requireOwnCommits({ database }: Registry, hint: string): void {
  if (database.commits !== 'outer') return
  throw new VdcError('USAGE', 'Cannot make files within --tx bulk, because they cannot be rolled back', { hint })
}
