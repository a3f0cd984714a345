import type { ImageDetails } from '../../../registry/image/details.ts'
import { CHECK_LABELS, checkInLabels } from '../../../registry/rules/check-labels.ts'
import { TRY_LABELS, tryInLabels } from '../../../registry/rules/try-labels.ts'
import { counted } from '../cells.ts'

/**
 * Returns the fields of an image for people: the saved results of `image check` and `image try` are one field each, and
 * not repeated among the labels.
 */
export function withResults(image: ImageDetails): object {
  const check = checkInLabels(image.labels)
  const tried = tryInLabels(image.labels)
  const results = {
    ...(check && { check: checkSentence(check) }),
    ...(tried && { try: trySentence(tried) }),
  }
  const shown = [...(check ? CHECK_LABELS : []), ...(tried ? TRY_LABELS : [])]
  if (shown.length === 0) return image
  const others = Object.entries(image.labels).filter(([name]) => !shown.includes(name))
  const fields = Object.entries({ ...image, labels: Object.fromEntries(others) })
  return Object.fromEntries(
    fields.flatMap((field) => (field[0] === 'labels' ? [...Object.entries(results), field] : [field])),
  )
}

function checkSentence({ ready, date, errors, warnings }: NonNullable<ReturnType<typeof checkInLabels>>): string {
  const counts = `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`
  return `${ready ? 'ready' : 'not ready'} on ${date.slice(0, 10)} (${counts})`
}

function trySentence({ booted, date, failed }: NonNullable<ReturnType<typeof tryInLabels>>): string {
  return `${booted ? 'booted' : 'not booted'} on ${date.slice(0, 10)} (${counted(failed, 'failed step')})`
}
