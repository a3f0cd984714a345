import type { SingleBar } from 'cli-progress'
import { monotonicTime } from '../../core/clock.ts'
import type { Progress } from '../../registry/registry.ts'
import { beforeText } from '../terminal/output.ts'
import { progressLine } from './progress-line.ts'
import { ProgressTerminal } from './progress-terminal.ts'

/** Milliseconds until the bar appears, so that short work shows none. */
const DELAY = 300
/** Frames per second. */
const FPS = 5
/** Milliseconds over which the rate is measured. */
const WINDOW = 3000
/** Columns that are left free for the terminal's ^C, so that it does not start another line. */
const SPARE = 3

type Work = ReturnType<Progress['begin']>

/**
 * Returns a progress bar on stderr if that is a terminal that can move its cursor; otherwise
 * nothing is shown. Of concurrent work, only the first is shown.
 */
export function terminalProgress(): Progress {
  const shows = process.stderr.isTTY && process.env.TERM !== 'dumb'
  let shown: Bar | undefined
  return {
    begin(title, total) {
      if (!shows || shown !== undefined) return { advance() {}, end() {} }
      const bar = new Bar(title, total)
      shown = bar
      return {
        advance: (bytes) => bar.advance(bytes),
        end() {
          bar.end()
          shown = undefined
        },
      }
    },
  }
}

class Bar implements Work {
  readonly #title: () => string
  readonly #total: number | undefined
  readonly #begun = monotonicTime()
  readonly #pace = new Pace()
  readonly #timer = setTimeout(() => void this.#show(), DELAY)
  #done = 0
  #isOver = false
  #drawn: { bar: SingleBar; terminal: ProgressTerminal } | undefined

  constructor(title: string | (() => string), total: number | undefined) {
    this.#title = typeof title === 'string' ? () => title : title
    this.#total = total
  }

  advance(bytes: number): void {
    this.#done += bytes
  }

  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    if (this.#drawn === undefined) return
    this.#drawn.bar.stop()
    this.#drawn.terminal.release()
    beforeText(undefined)
  }

  async #show(): Promise<void> {
    const { Format, SingleBar } = await import('cli-progress')
    if (this.#isOver) return
    const terminal = new ProgressTerminal(process.stderr)
    const options = {
      terminal,
      fps: FPS,
      // Other text may have overwritten the bar.
      forceRedraw: true,
      clearOnComplete: true,
      barCompleteChar: '#',
      barIncompleteChar: '.',
    }
    const bar = new SingleBar({
      ...options,
      format: (derived) =>
        progressLine(
          {
            title: this.#title(),
            total: this.#total,
            done: this.#done,
            rate: this.#pace.rate(this.#done),
            elapsed: (monotonicTime() - this.#begun) / 1000,
          },
          terminal.getWidth() - SPARE,
          (share, barsize) => Format.BarFormat(share, { ...derived, barsize }),
        ),
    })
    this.#drawn = { bar, terminal }
    beforeText(() => terminal.clearLine())
    bar.start(this.#total ?? 1, 0)
  }
}

/** Measures the speed of work over the last seconds. */
class Pace {
  readonly #samples = [{ time: monotonicTime(), done: 0 }]

  /** Adds a measurement of the total bytes so far, and returns the bytes per second. */
  rate(done: number): number {
    const now = monotonicTime()
    this.#samples.push({ time: now, done })
    while (this.#samples.length > 2 && now - (this.#samples[0]?.time ?? 0) > WINDOW) this.#samples.shift()
    const first = this.#samples[0]
    return first === undefined || now === first.time ? 0 : (1000 * (done - first.done)) / (now - first.time)
  }
}
