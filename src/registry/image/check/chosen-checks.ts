import { VdcError } from '../../../core/errors.ts'
import { wasMeant } from '../../../core/nearest.ts'
import type { GuestCheck } from '../../../guest/checks/check.ts'
import { CHECK_NAMES, CHECKS, groupOf } from '../../../guest/checks/index.ts'

/**
 * Returns the checks with the given IDs or of the given groups, in the order of reports.
 *
 * @param only undefined for all.
 * @throws VdcError VALUE_REFUSED if there is no such check, or no check is left.
 */
export function chosenChecks(only: readonly string[] | undefined, skip: readonly string[] = []): readonly GuestCheck[] {
  for (const [field, names] of Object.entries({ only, skip })) for (const name of names ?? []) requireCheck(field, name)
  const isNamed = ({ id }: GuestCheck, names: readonly string[]) => names.includes(id) || names.includes(groupOf(id))
  const checks = CHECKS.filter((check) => (only === undefined || isNamed(check, only)) && !isNamed(check, skip))
  if (checks.length === 0) throw new VdcError('VALUE_REFUSED', 'skip leaves no check to run')
  return checks
}

function requireCheck(field: string, name: string): void {
  if (CHECK_NAMES.includes(name)) return
  const groups = CHECK_NAMES.filter((each) => !each.includes('.'))
  throw new VdcError('VALUE_REFUSED', `${field} '${name}' is neither a check nor a group of checks`, {
    hint: `${wasMeant(name, CHECK_NAMES)}Groups: ${groups.join(', ')}; checks: ${CHECKS.map(({ id }) => id).join(', ')}`,
  })
}
