import prettyBytes from 'pretty-bytes'

/** The progress of some work. */
export interface Position {
  title: string
  /** Bytes. */
  done: number
  /** Bytes; undefined if the work is not about bytes. */
  total: number | undefined
  /** Bytes per second; 0 if not known yet. */
  rate: number
  /** Seconds since it began. */
  elapsed: number
}

/** Columns of the bar: the most, and the fewest in the long and the short form of the line. */
const BAR = { most: 40, long: 10, short: 3 }

/**
 * Formats progress as one line with title, bar, percentage, bytes, rate and time left. If that is
 * too wide, leaves out the bytes, then the bar. Work that is not about bytes has only its title and time.
 *
 * @param width the most columns of the line.
 * @param drawBar draws a bar with this number of columns.
 */
export function progressLine(
  position: Position,
  width: number,
  drawBar: (share: number, columns: number) => string,
): string {
  const { title, done, total, rate, elapsed } = position
  if (total === undefined) return `${title} ${clock(elapsed)}`.slice(0, Math.max(0, width))
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

/** Formats bytes in units of 1024, with a fixed width. */
function binary(bytes: number): string {
  return prettyBytes(bytes, { binary: true }).padStart('1023 MiB'.length)
}

/** Formats seconds as m:ss or h:mm:ss. */
function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  const rest = whole % 60
  const two = (number: number) => String(number).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}
