import { monotonicTime } from '../../core/clock.ts'
import { RESTRICTED } from '../machine/network.ts'
import type { AnsweredRequest } from '../metadata/service.ts'
import { ConnectionCount } from './connection-count.ts'
import { ConsoleReader } from './console.ts'
import type { EndEvent, GuestEvent, Moment } from './event.ts'
import { Judge, type JudgeOptions } from './judge.ts'
import { KeptBytes } from './kept-bytes.ts'
import { NetworkReader } from './network.ts'
import type { Step, StepName } from './step.ts'

/** Bytes of the console that are kept. */
const LONGEST_CONSOLE = 8 << 20
/** Connections to the metadata service at once. A guest that gets its metadata with several programs has a dozen. */
export const MOST_CONNECTIONS = 32
/** Steps of which only a running system is capable. */
const SIGNS_OF_LIFE = ['system', 'dhcp', 'metadata', 'ssh'] as const

/** Turns what a virtual machine sends into events, and tells which steps they decide. */
export class Observer {
  readonly judge: Judge
  /** Called when the guest has more connections to the metadata service than MOST_CONNECTIONS. */
  onFlood: () => void = () => {}
  /** When the guest last asked the metadata service; undefined if it has not. */
  lastRequest: Moment | undefined
  readonly #begun = monotonicTime()
  readonly #console = new ConsoleReader()
  readonly #network = new NetworkReader(RESTRICTED.guest)
  readonly #tell: (step: Step) => Promise<unknown>
  readonly #results = new Map<StepName, Step['result']>()
  readonly #connections = new ConnectionCount()
  #telling: Promise<unknown> = Promise.resolve()
  readonly #kept = new KeptBytes(LONGEST_CONSOLE)

  /** @param tell called with each step once it is ok or failed, and with one that was ok once it fails. */
  constructor(options: JudgeOptions, tell: (step: Step) => Promise<unknown>) {
    this.judge = new Judge(options)
    this.#tell = tell
  }

  /** Returns the milliseconds since the start. */
  now(): Moment {
    return Math.round(monotonicTime() - this.#begun)
  }

  /** Takes bytes of the serial console. */
  readonly console = (chunk: Buffer): void => {
    this.#kept.add(chunk)
    this.take(this.#console.read(chunk, this.now()))
  }

  /** Takes bytes of pcap(5) of what the guest sends. */
  readonly fromGuest = (chunk: Buffer): void => {
    const before = this.#network.connections
    this.take(this.#network.fromGuest(chunk, this.now()))
    this.#connections.open(this.#network.connections - before, this.now())
    if (this.#connections.atOnce(this.now()) > MOST_CONNECTIONS) this.onFlood()
  }

  /** Takes that the metadata service has accepted a connection, or that it was closed. */
  readonly connection = (isOpen: boolean): void => this.#connections.accept(isOpen)

  /** Takes bytes of pcap(5) of what the guest is sent. */
  readonly toGuest = (chunk: Buffer): void => this.take(this.#network.toGuest(chunk, this.now()))

  /** Takes a request that the metadata service answered. */
  readonly request = (request: AnsweredRequest): void => {
    this.lastRequest = this.now()
    this.take([{ at: this.lastRequest, kind: 'metadata', request }])
  }

  /** Takes events. */
  take(events: readonly GuestEvent[]): void {
    for (const event of events) for (const step of this.judge.take(event)) this.#report(step)
  }

  /**
   * Takes what a pause on the console tells. To be called several times a second.
   *
   * @throws errors of `tell`.
   */
  async tick(): Promise<void> {
    this.take(this.#console.tick(this.now()))
    await this.#telling
  }

  /** Returns whether a step is ok so far. */
  isOk(step: StepName): boolean {
    return this.#results.get(step) === 'ok'
  }

  /** Whether the guest runs a system, which can power off. */
  get isSystemRunning(): boolean {
    const hasFailed = (['kernel', 'system'] as const).some((step) => this.#results.get(step) === 'failed')
    return !hasFailed && SIGNS_OF_LIFE.some((step) => this.isOk(step))
  }

  /**
   * Takes how the virtual machine ended, and tells all steps that were not told.
   *
   * @param end undefined if the guest was not asked to power off.
   * @returns all steps, and the beginning of what the guest wrote to its serial console.
   * @throws errors of `tell`.
   */
  async finish(end: (EndEvent & { at: Moment }) | undefined): Promise<{ steps: Step[]; console: Buffer }> {
    // Powering off is the last step.
    this.#reportChanges((step) => step !== 'power-off')
    if (end !== undefined) this.take([end])
    const steps = this.#reportChanges(() => true)
    await this.#telling
    return { steps, console: this.#kept.bytes() }
  }

  #reportChanges(isMeant: (step: StepName) => boolean): Step[] {
    const steps = this.judge.steps()
    for (const step of steps) if (isMeant(step.step)) this.#report(step)
    return steps
  }

  #report(step: Step): void {
    if (this.#results.get(step.step) === step.result) return
    this.#results.set(step.step, step.result)
    const told = this.#telling.then(() => this.#tell(step))
    // Whoever waits for it next gets its error.
    told.catch(() => {})
    this.#telling = told
  }
}
