import type { IncomingMessage } from 'node:http'

/** Bytes that must arrive within the time-out. */
const LEAST = 1024
/** Bytes that are held in memory if they arrive faster than they are used. */
const MOST_HELD = 8 * 1024 * 1024

/**
 * The body of a response. It must be made as soon as the response arrives. If the connection is
 * cut, all that arrived is used first; iterating over the response itself would lose some of it.
 */
export class Body {
  readonly #response: IncomingMessage
  #held: Buffer[] = []
  #heldBytes = 0
  #arrived = 0
  #arrivedBefore = 0
  #error: Error | undefined
  #isOver = false
  /** Set while the next bytes are awaited. */
  #wake: (() => void) | undefined

  constructor(response: IncomingMessage) {
    this.#response = response
    response.on('data', (bytes: Buffer) => this.#take(bytes))
    response.on('error', (error) => {
      this.#error ??= error
    })
    // Comes after the end and after an error.
    response.on('close', () => {
      this.#isOver = true
      this.#wake?.()
    })
    response.on('end', () => {
      this.#isOver = true
      this.#wake?.()
    })
  }

  /**
   * Waits for the next bytes.
   *
   * @returns undefined at the end.
   * @throws Error of the connection, once everything that arrived was returned.
   */
  async next(): Promise<Buffer | undefined> {
    if (this.#held.length === 0 && !this.#isOver) {
      this.#response.resume()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    const bytes = this.#held.shift()
    this.#heldBytes -= bytes?.length ?? 0
    if (bytes === undefined && this.#error !== undefined) throw this.#error
    return bytes
  }

  /** Ends a body of which too little arrived since the last call. Using the bytes may take long, too. */
  requireProgress(failure: () => Error): void {
    if (this.#wake !== undefined && this.#arrived - this.#arrivedBefore < LEAST) this.#response.destroy(failure())
    this.#arrivedBefore = this.#arrived
  }

  #take(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    this.#arrived += bytes.length
    if (this.#heldBytes > MOST_HELD) this.#response.pause()
    this.#wake?.()
  }
}
