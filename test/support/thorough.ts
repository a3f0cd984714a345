/**
 * Whether tests that repeat something take all of it, as CI does (`THOROUGH=1`), or
 * a part, so that `npm test` stays short.
 */
export const IS_THOROUGH = process.env.THOROUGH === '1'

/** How many of something that is repeated are done: all, or by default one of `outOf`. */
export function some(all: number, outOf: number): number {
  return IS_THOROUGH ? all : Math.ceil(all / outOf)
}

/** How many processes do the same at once, where a race is looked for. */
export const CROWD = IS_THOROUGH ? 20 : 8
