import { warningText } from '../errors/report-error.ts'
import { writeErr } from './output.ts'

/** Bytes that may wait until the reader of stderr takes them. */
const MOST_WAITING = 256 * 1024

/**
 * Returns a function that writes a line to stderr. While the reader of stderr does not keep up, lines are
 * dropped, so that they do not fill the memory; their number is printed when it reads again.
 */
export function boundedLog(): (line: string) => void {
  let dropped = 0
  return (line) => {
    if (process.stderr.writableLength > MOST_WAITING) {
      dropped++
      return
    }
    if (dropped > 0) void writeErr(warningText(`${dropped} requests were not logged, as stderr was not read`))
    dropped = 0
    void writeErr(line)
  }
}
