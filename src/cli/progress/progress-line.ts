import prettyBytes from 'pretty-bytes'

/** How far some work is. */
export interface Position {
  title: string
  /** Bytes. */
  done: number
  total: number
  /** Bytes a second; 0 where nobody knows yet. */
  rate: number
}

/** Columns that the bar itself has at most, in the long form at least, and in the short form at least. */
const BAR = { most: 40, long: 10, short: 3 }

/**
 * One line that tells how far work is: title, bar, percent, bytes, rate and time
 * left; where that is too wide, without the bytes, and at last without the bar.
 *
 * @param width columns that it may take.
 * @param drawBar draws a bar of some columns.
 */
export function progressLine(
  position: Position,
  width: number,
  drawBar: (share: number, columns: number) => string,
): string {
  const { title, done, total, rate } = position
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  const left = rate === 0 ? '-:--' : clock((total - Math.min(done, total)) / rate)
  const bytes = `${binary(done)}/${binary(total).trimStart()}`
  const forms = [
    { least: BAR.long, rest: `${percent} ${bytes} ${binary(rate)}/s ${left.padStart(5)} left` },
    { least: BAR.short, rest: `${percent} ${binary(rate)}/s ${left.padStart(5)}` },
  ]
  for (const { least, rest } of forms) {
    const columns = Math.min(BAR.most, width - `${title} [] ${rest}`.length)
    if (columns >= least) return `${title} [${drawBar(share, columns)}] ${rest}`
  }
  return `${title} ${forms[1]?.rest}`.slice(0, Math.max(0, width))
}

/** Bytes in units of 1024, always as wide. */
function binary(bytes: number): string {
  return prettyBytes(bytes, { binary: true }).padStart('1023 MiB'.length)
}

/** Seconds as m:ss, or h:mm:ss. */
function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (number: number) => String(number).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}
