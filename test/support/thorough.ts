/**
 * Whether tests run all their repetitions, as in CI (`THOROUGH=1`), or only some, to keep
 * `npm test` short.
 */
export const IS_THOROUGH = process.env.THOROUGH === '1'

/** Returns the number of repetitions: all of them, or by default one in `outOf`. */
export function some(all: number, outOf: number): number {
  return IS_THOROUGH ? all : Math.ceil(all / outOf)
}

/** The number of concurrent processes in tests of races. */
export const CROWD = IS_THOROUGH ? 20 : 8
