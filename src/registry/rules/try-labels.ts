import { OWN_LABELS } from './values.ts'

/** Labels with the summary of the last saved try of an image. */
const LABELS = {
  /** ISO 8601 UTC. */
  date: `${OWN_LABELS}try.date`,
  /** `booted` or `not-booted`. */
  result: `${OWN_LABELS}try.result`,
  /** Number of steps that failed. */
  failed: `${OWN_LABELS}try.failed`,
} as const
const RESULTS = { booted: true, 'not-booted': false } as const

/** The names of the labels with the summary of a try. */
export const TRY_LABELS: readonly string[] = Object.values(LABELS)

/** The summary of a try of a guest. */
export interface TryCounts {
  /** Whether it booted, and got its address and its metadata. */
  booted: boolean
  /** Number of steps that failed. */
  failed: number
}

/**
 * Returns the labels that store the summary of a try.
 *
 * @param date of the try, ISO 8601 UTC.
 */
export function labelsOfTry({ booted, failed }: TryCounts, date: string): Map<string, string> {
  return new Map([
    [LABELS.date, date],
    [LABELS.result, booted ? 'booted' : 'not-booted'],
    [LABELS.failed, String(failed)],
  ])
}

/**
 * Returns the summary that labels store.
 *
 * @returns undefined if there is none, or another program wrote labels of these names.
 */
export function tryInLabels(labels: Readonly<Record<string, string>>): (TryCounts & { date: string }) | undefined {
  const { [LABELS.date]: date = '', [LABELS.result]: result = '', [LABELS.failed]: failed = '' } = labels
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date) || !/^\d{1,6}$/.test(failed)) return undefined
  if (!Object.hasOwn(RESULTS, result)) return undefined
  return { date, booted: RESULTS[result as keyof typeof RESULTS], failed: Number(failed) }
}
