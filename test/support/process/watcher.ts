import { Interruption } from '../../../src/core/interruption.ts'
import type { Watcher } from '../../../src/disk/watcher.ts'

/** The progress of one piece of work, as reported to a watcher. */
export interface Told {
  title: string
  total: number
  done: number
  ended: boolean
}

/** Returns a watcher that records progress, and can be interrupted by the test. */
export function newWatcher(): Watcher & { cancellation: Interruption; told: Told[] } {
  const told: Told[] = []
  return {
    told,
    cancellation: new Interruption(),
    progress: {
      begin(title, total) {
        const work = { title: typeof title === 'string' ? title : title(), total: total ?? 0, done: 0, ended: false }
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
