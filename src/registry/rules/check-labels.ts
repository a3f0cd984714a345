import { OWN_LABELS } from './values.ts'

/** Labels with the summary of the last saved check of an image. */
const LABELS = {
  /** ISO 8601 UTC. */
  date: `${OWN_LABELS}check.date`,
  /** `ready` or `not-ready`. */
  result: `${OWN_LABELS}check.result`,
  errors: `${OWN_LABELS}check.errors`,
  warnings: `${OWN_LABELS}check.warnings`,
} as const
const RESULTS = { ready: true, 'not-ready': false } as const

/** The names of the labels with the summary of a check. */
export const CHECK_LABELS: readonly string[] = Object.values(LABELS)

/** The summary of a check of a guest. */
export interface CheckCounts {
  ready: boolean
  errors: number
  warnings: number
}

/**
 * Returns the labels that store the summary of a check.
 *
 * @param date of the check, ISO 8601 UTC.
 */
export function labelsOfCheck({ ready, errors, warnings }: CheckCounts, date: string): Map<string, string> {
  return new Map([
    [LABELS.date, date],
    [LABELS.result, ready ? 'ready' : 'not-ready'],
    [LABELS.errors, String(errors)],
    [LABELS.warnings, String(warnings)],
  ])
}

/**
 * Returns the summary that labels store.
 *
 * @returns undefined if there is none, or another program wrote labels of these names.
 */
export function checkInLabels(labels: Readonly<Record<string, string>>): (CheckCounts & { date: string }) | undefined {
  const {
    [LABELS.date]: date,
    [LABELS.result]: result = '',
    [LABELS.errors]: errors,
    [LABELS.warnings]: warnings,
  } = labels
  const [ready, errorCount, warningCount] = [readyOf(result), countIn(errors), countIn(warnings)]
  if (date === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date)) return undefined
  if (ready === undefined || errorCount === undefined || warningCount === undefined) return undefined
  return { date, ready, errors: errorCount, warnings: warningCount }
}

function readyOf(result: string): boolean | undefined {
  return Object.hasOwn(RESULTS, result) ? RESULTS[result as keyof typeof RESULTS] : undefined
}

function countIn(label: string | undefined): number | undefined {
  return label !== undefined && /^\d{1,6}$/.test(label) ? Number(label) : undefined
}
