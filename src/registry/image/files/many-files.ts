import type { Watcher } from '../../registry.ts'
import { type ImageSource, sizeOfSource } from './image-sources.ts'

/** Several files, in the order in which they are named. */
export interface ManyFiles {
  sources: AsyncIterable<ImageSource> | readonly ImageSource[]
  /** The number of files; undefined if more may be named later, as on stdin. */
  count: number | undefined
  /** The size of all files in bytes; undefined if it is not known. */
  bytes: number | undefined
}

/**
 * Collects all sources, so that their number and size are known.
 *
 * @throws errors of `sources`.
 */
export async function collectedFiles(sources: AsyncIterable<ImageSource>): Promise<ManyFiles> {
  const all: ImageSource[] = []
  let bytes = 0
  for await (const source of sources) {
    all.push(source)
    bytes += await sizeOfSource(source)
  }
  return { sources: all, count: all.length, bytes }
}

/** The progress of work on several files, in one line for all of them. */
export class ManyProgress {
  readonly #watcher: Watcher
  readonly #title: string
  readonly #count: number | undefined
  readonly #task: ReturnType<Watcher['progress']['begin']>
  #done = 0

  /**
   * @param title of the work, for example `Registering`.
   * @param reads whether the files are read to their end, so that bytes are counted.
   */
  constructor(watcher: Watcher, title: string, { count, bytes }: ManyFiles, reads: boolean) {
    this.#watcher = watcher
    this.#title = title
    this.#count = count
    this.#task = watcher.progress.begin(() => this.#line, reads && bytes ? bytes : undefined)
  }

  get #line(): string {
    const of =
      this.#count === undefined
        ? `${this.#done} file${this.#done === 1 ? '' : 's'}`
        : `${this.#done} of ${this.#count} files`
    return `${this.#title} ${of}`
  }

  /** Returns a watcher for one file, whose work counts as many bytes as the file has. `end` must be called at its end. */
  async file(source: ImageSource): Promise<{ watcher: Watcher; end: () => void }> {
    let left = await sizeOfSource(source)
    const advance = (bytes: number) => {
      const counted = Math.min(bytes, left)
      left -= counted
      this.#task.advance(counted)
    }
    const progress = { begin: () => ({ advance, end: () => {} }) }
    const end = () => {
      this.#done++
      this.#task.advance(left)
    }
    return { watcher: { cancellation: this.#watcher.cancellation, progress }, end }
  }

  /** Ends the line. */
  end(): void {
    this.#task.end()
  }
}

/** Returns a watcher whose progress names one of several files, for work that shows each file by itself. */
export function numbered(watcher: Watcher, number: number, count: number | undefined): Watcher {
  const of = count === undefined ? `file ${number}` : `file ${number} of ${count}`
  return {
    cancellation: watcher.cancellation,
    progress: {
      begin: (title, total) => {
        const text = typeof title === 'string' ? title : title()
        return watcher.progress.begin(`${text} (${of})`, total)
      },
    },
  }
}
