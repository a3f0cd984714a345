import { VdcError } from '../../core/errors.ts'

/** The environment variable with the owner of new items, for commands that require one. */
export const ACCOUNT_VARIABLE = 'VDC_MANAGE_ACCOUNT_ID'

/** Adds to an error about the owner that it comes from the environment variable. Returns other errors unchanged. */
export function namingVariable(error: VdcError): VdcError {
  const isAboutAccount =
    error.code.startsWith('ACCOUNT_') || (error.code === 'VALUE_REFUSED' && /\baccount ID\b/.test(error.message))
  if (!isAboutAccount) return error
  const way = `The account comes from ${ACCOUNT_VARIABLE}; --account-id overrides it`
  const hint = error.hint === undefined ? way : `${way}. ${error.hint}`
  return new VdcError(error.code, error.message, { hint, details: error.details, cause: error })
}
