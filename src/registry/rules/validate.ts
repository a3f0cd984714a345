import type * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'

/**
 * Validates a request against its schema. Each registry function does this once, first.
 *
 * @param subject name of a request without fields, for error messages.
 * @returns the request with defaults filled in.
 * @throws VdcError VALUE_REFUSED if a field is not valid; names the first such field.
 */
export function validate<T extends z.ZodMiniType>(schema: T, request: unknown, subject = 'the request'): z.output<T> {
  const result = schema.safeParse(request)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue?.path.join('.') || subject
  throw new VdcError('VALUE_REFUSED', `${field} ${issue?.message ?? 'is not valid'}`)
}
