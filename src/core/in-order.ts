/** How much work `inOrder` does at the same time. */
export interface InOrderOptions<R> {
  /** The most items that are worked on at once. */
  most: number
  /** The most items that are worked on, or whose results wait for those of earlier items. */
  ahead: number
  /** Called with each result that is not yielded, because the caller stopped or an earlier item threw. */
  discard?: (result: R) => Promise<unknown>
}

/**
 * Works on several items at once, and yields the results in the order of the items, each as soon as it and all earlier
 * ones are known. No work is running when the generator ends.
 *
 * @throws the error of an item, after the results of all earlier ones; errors of `items`.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<R>,
  { most, ahead, discard = async () => {} }: InOrderOptions<R>,
): AsyncGenerator<R> {
  const change = new Change()
  const queue: Promise<R>[] = []
  let running = 0
  let isStopped = false
  let end: { error?: unknown } | undefined
  const start = (item: T) => {
    running++
    const result = work(item).finally(() => {
      running--
      change.signal()
    })
    // It is awaited later, when all earlier ones are known.
    result.catch(() => {})
    queue.push(result)
    change.signal()
  }
  const startAll = async () => {
    for await (const item of items) {
      if (isStopped) return
      start(item)
      while (!isStopped && (running >= most || queue.length >= ahead)) await change.next
    }
  }
  // Not awaited at the end: an idle stdin may keep it waiting for more items.
  startAll().then(
    () => {
      end = {}
      change.signal()
    },
    (error: unknown) => {
      end = { error }
      change.signal()
    },
  )
  try {
    for (;;) {
      while (queue.length === 0 && end === undefined) await change.next
      const first = queue[0]
      if (first === undefined) break
      const result = await first
      queue.shift()
      change.signal()
      yield result
    }
    if (end !== undefined && 'error' in end) throw end.error
  } finally {
    isStopped = true
    change.signal()
    for (const rest of await Promise.allSettled(queue)) if (rest.status === 'fulfilled') await discard(rest.value)
  }
}

/** A promise that resolves at the next signal. */
class Change {
  next: Promise<void>
  #resolve = () => {}

  constructor() {
    this.next = this.#new()
  }

  signal(): void {
    this.#resolve()
    this.next = this.#new()
  }

  #new(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }
}
