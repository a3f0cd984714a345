import { type ErrorCode, VdcError } from '../../../core/errors.ts'
import type { Answer } from '../answer.ts'
import type { Column } from '../columns.ts'

/** A report, whose error is its own. */
interface Reported {
  error?: { code: ErrorCode; message: string; hint?: string | undefined } | undefined
}

/** How reports are printed. */
interface ReportStyle<T> {
  /** The default columns of the table. */
  columns: readonly Column<T>[]
  /** Returns a report as text. */
  textOf: (report: T) => string
  /** Returns all errors and warnings of a report, for below the table. */
  findingsOf: (report: T) => (VdcError | string)[]
}

/**
 * Prints reports as they come: several of them at a terminal, or if `--format table` is given, as a table, with
 * their errors and warnings below. Otherwise as text, each followed by its error.
 *
 * @throws VdcError OUTPUT_FAILED; errors of the reports.
 */
export async function printReports<T extends Reported>(
  answer: Answer,
  reports: AsyncIterable<T>,
  isSingle: boolean,
  style: ReportStyle<T>,
): Promise<void> {
  if (!isSingle && answer.prefersTable) return printTable(answer, reports, style)
  const told = followed(reports, async ({ error }) => {
    if (error !== undefined) await answer.error(new VdcError(error.code, error.message, { hint: error.hint }))
  })
  await answer.things(told, isSingle, style.textOf)
}

async function printTable<T extends Reported>(
  answer: Answer,
  reports: AsyncIterable<T>,
  { columns, findingsOf }: ReportStyle<T>,
): Promise<void> {
  const findings: (VdcError | string)[] = []
  const collected = followed(reports, async (report) => void findings.push(...findingsOf(report)))
  try {
    await answer.listAsDone(collected, columns)
  } finally {
    for (const finding of findings)
      await (typeof finding === 'string' ? answer.warning(finding) : answer.error(finding))
  }
}

/** Yields items, and calls `then` with each after it was printed. */
async function* followed<T>(items: AsyncIterable<T>, then: (item: T) => Promise<void>): AsyncGenerator<T> {
  for await (const item of items) {
    yield item
    await then(item)
  }
}
