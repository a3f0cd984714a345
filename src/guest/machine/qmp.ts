import type { Duplex } from 'node:stream'

/** An event of QEMU, such as SHUTDOWN. */
export interface QmpEvent {
  event: string
  data: Readonly<Record<string, unknown>>
}

/** Characters of an answer above which QEMU is no longer listened to. */
const LONGEST_LINE = 1 << 20
/** Milliseconds that QEMU may take for a command; it takes a few, unless the host is very busy. */
const LIMIT = 30_000

interface Waiting {
  resolve: (value: unknown) => void
  reject: (error: Error) => void
}

/** A session of QEMU's monitor protocol: one JSON object per line. */
export class Qmp {
  readonly #stream: Duplex
  readonly #onEvent: (event: QmpEvent) => void
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  #text = ''
  #isClosed = false

  /** @param onEvent called with each event of QEMU. */
  constructor(stream: Duplex, onEvent: (event: QmpEvent) => void) {
    this.#stream = stream
    this.#onEvent = onEvent
    stream.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    stream.on('error', () => {})
    stream.once('close', () => this.close())
  }

  /**
   * Runs a command.
   *
   * @returns what QEMU returns.
   * @throws Error if QEMU refuses it, does not answer in time, or has ended.
   */
  async run(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#isClosed) throw new Error('QEMU has ended')
    const id = ++this.#last
    const timer = setTimeout(() => this.#answer(id, new Error(`QEMU does not answer to ${command}`)), LIMIT)
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject })
        this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the session. Commands that are waiting fail. */
  close(): void {
    this.#isClosed = true
    for (const id of [...this.#waiting.keys()]) this.#answer(id, new Error('QEMU has ended'))
    this.#stream.destroy()
  }

  #read(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) this.#take(line)
    if (this.#text.length > LONGEST_LINE) this.close()
  }

  #take(line: string): void {
    const message = parsed(line)
    if (typeof message.event === 'string')
      this.#onEvent({ event: message.event, data: (message.data ?? {}) as QmpEvent['data'] })
    else if (typeof message.id === 'number') this.#answer(message.id, failureIn(message) ?? message.return)
  }

  #answer(id: number, answer: unknown): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (answer instanceof Error) waiting?.reject(answer)
    else waiting?.resolve(answer)
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}

function failureIn({ error }: Readonly<Record<string, unknown>>): Error | undefined {
  return error === undefined ? undefined : new Error(String((error as { desc?: unknown }).desc))
}
