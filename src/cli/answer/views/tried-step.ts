import { REQUIRED_STEPS, type StepReport, type TryReport } from '../../../registry/image/try/try-image.ts'
import { paint } from '../../terminal/color.ts'
import { printable } from '../../terminal/escape.ts'
import { detailIndent, wrapIndented } from '../../terminal/wrap.ts'
import { counted } from '../cells.ts'

const COLORS = { ok: 'green', failed: 'red', not_seen: 'yellow' } as const
const RESULT_WIDTH = 'not seen'.length
/** Characters of the longest name of a step. */
const STEP_WIDTH = 'machine-id-differs'.length
/** Characters of moments up to 9999.9 s. */
const TIME_WIDTH = 8

/**
 * Returns a function that formats steps for people, one line each.
 *
 * @param isHeaded name each boot above its steps, because there are two.
 */
export function stepRenderer(isHeaded: boolean): (step: StepReport) => string {
  let last: number | null | undefined
  return (step) => {
    const name = step.boot === null ? 'Both boots:' : `Boot ${step.boot}:`
    const heading = isHeaded && step.boot !== last ? `${last === undefined ? '' : '\n'}${name}\n` : ''
    last = step.boot
    return heading + renderStep(step)
  }
}

function renderStep({ result, step, seconds, message }: StepReport): string {
  const time = seconds === null ? '' : `${seconds.toFixed(1)} s`
  const word = paint(process.stdout, COLORS[result], result.replace('_', ' ').padEnd(RESULT_WIDTH))
  const line = `${time.padStart(TIME_WIDTH)}  ${word}  ${step.padEnd(STEP_WIDTH)}  ${printable(message)}`
  return wrapIndented(line, detailIndent(TIME_WIDTH + RESULT_WIDTH + STEP_WIDTH + 6))
}

/** Formats the result of a try on one line. */
export function trySentence(report: TryReport): string {
  const { guest, booted, accel, failed, not_seen } = report
  const counts = `${counted(failed, 'failed step')}, ${not_seen} not seen`
  const how = accel === 'tcg' ? ' (emulated)' : ''
  return `${guest}: ${booted ? 'booted as an instance' : whyNotBooted(report)}${how}: ${counts}`
}

/** Says why a guest is not an instance, as the rest of a sentence. */
export function whyNotBooted({ steps }: TryReport): string {
  const isSame = steps.some(({ boot, result }) => boot === null && result === 'failed')
  const results = new Map(steps.map(({ boot, step, result }) => [`${boot} ${step}`, result]))
  const isOk = (boot: number, step: string) => (results.get(`${boot} ${step}`) ?? 'ok') === 'ok'
  const haveBooted = REQUIRED_STEPS.every((step) => isOk(1, step) && isOk(2, step))
  return isSame && haveBooted ? 'booted twice as the same instance' : 'did not boot as an instance'
}
