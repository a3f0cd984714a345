import type * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'

/**
 * Checks a request against its schema, once, at the registry's door.
 *
 * @param subject what a message calls a request that has no fields.
 * @returns the request with its defaults.
 * @throws VdcError VALUE_REFUSED that names the first field that is wrong.
 */
export function validate<T extends z.ZodMiniType>(schema: T, request: unknown, subject = 'the request'): z.output<T> {
  const result = schema.safeParse(request)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue?.path.join('.') || subject
  throw new VdcError('VALUE_REFUSED', `${field} ${issue?.message ?? 'is not valid'}`)
}
