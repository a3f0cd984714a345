import type { ImageDetails } from '../../../registry/image/details.ts'
import { CHECK_LABELS, checkInLabels } from '../../../registry/rules/check-labels.ts'
import { counted } from '../cells.ts'

/** Returns the fields of an image for people: the saved check is one field, and not repeated among the labels. */
export function withCheck(image: ImageDetails): object {
  const check = checkInLabels(image.labels)
  if (check === undefined) return image
  const others = Object.entries(image.labels).filter(([name]) => !CHECK_LABELS.includes(name))
  const fields = Object.entries({ ...image, labels: Object.fromEntries(others) })
  return Object.fromEntries(
    fields.flatMap((field) => (field[0] === 'labels' ? [['check', sentenceOf(check)], field] : [field])),
  )
}

function sentenceOf({ ready, date, errors, warnings }: NonNullable<ReturnType<typeof checkInLabels>>): string {
  const counts = `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`
  return `${ready ? 'ready' : 'not ready'} on ${date.slice(0, 10)} (${counts})`
}
