import { Interruption } from '../../../src/core/interruption.ts'
import type { Watcher } from '../../../src/disk/watcher.ts'

/** What a watcher of a test was told of one piece of work. */
export interface Told {
  title: string
  total: number
  done: number
  ended: boolean
}

/** A watcher that keeps what it is told, and whose interruption a test may request. */
export function newWatcher(): Watcher & { cancellation: Interruption; told: Told[] } {
  const told: Told[] = []
  return {
    told,
    cancellation: new Interruption(),
    progress: {
      begin(title, total) {
        const work = { title, total, done: 0, ended: false }
        told.push(work)
        return {
          advance(bytes) {
            work.done += bytes
          },
          end() {
            work.ended = true
          },
        }
      },
    },
  }
}
