/**
 * Whether tests that repeat something take all of it, as CI does (`THOROUGH=1`), or
 * a part, so that `npm test` stays short.
 */
export const IS_THOROUGH = process.env.THOROUGH === '1'
