import type { GuestEvent, Moment, SshEvent } from './event.ts'
import * as boot from './judge/boot.ts'
import { type Facts, noFacts } from './judge/facts.ts'
import * as instance from './judge/instance.ts'
import * as network from './judge/network.ts'
import { note } from './judge/note.ts'
import type { Case, Expectations, Verdict } from './judge/verdict.ts'
import { REQUIRED_STEPS, STEPS, type Step, type StepName } from './step.ts'

/** What the judge of a guest must know. */
export interface JudgeOptions extends Expectations {
  /** Milliseconds without activity after which nothing more is expected; a part of it after a login prompt. */
  patience: number
}

/** What must differ between instances of an image. */
export interface Identity {
  /** Fingerprints by the type of the key; undefined if sshd did not answer. */
  hostKeys: SshEvent['hostKeys'] | undefined
  machineId: string | undefined
}

/** The steps of one boot. */
type BootStep = Exclude<StepName, 'host-keys-differ' | 'machine-id-differs'>

const VERDICTS: Readonly<Record<BootStep, (of: Case) => Verdict>> = {
  loader: boot.loader,
  kernel: boot.kernel,
  system: boot.system,
  dhcp: network.dhcp,
  address: network.address,
  metadata: network.metadata,
  'user-data': network.userData,
  'host-name': instance.hostName,
  ssh: instance.ssh,
  login: instance.login,
  'power-off': boot.powerOff,
}
const BOOT_STEPS = STEPS.filter((step): step is BootStep => step in VERDICTS)

const REQUIRED: ReadonlySet<StepName> = new Set(REQUIRED_STEPS)

/** Milliseconds in which a guest that has failed may write more, and in which one that has done all may go on. */
const [AFTER_FAILURE, AFTER_ALL] = [1000, 3000]
/** Milliseconds in which a boot loader must print something. */
const AFTER_FIRMWARE = 15_000

/** Judges the boot of one instance by what is seen of it. */
export class Judge {
  readonly #facts: Facts = noFacts()
  readonly #options: JudgeOptions
  #results = new Map<StepName, Step['result']>()
  /** Milliseconds that the machine has waited. */
  #waited = 0

  constructor(options: JudgeOptions) {
    this.#options = options
  }

  /** Adds an event. Returns the steps that it has made ok or failed; a step that was ok can fail later. */
  take(event: GuestEvent): Step[] {
    if (!note(this.#facts, event)) return []
    const steps = this.#judge(false)
    const changed = steps.filter(({ step, result }) => result !== 'not-seen' && result !== this.#results.get(step))
    this.#results = new Map(steps.map(({ step, result }) => [step, result]))
    return changed
  }

  /**
   * Takes that the machine waits for a processor of a busy host: it is not silent in this time.
   *
   * @param total milliseconds since the virtual machine started.
   */
  excuse(total: number): void {
    this.#facts.lastActivity += total - this.#waited
    this.#waited = total
  }

  /** Returns the steps, in the order of STEPS, as they are if nothing more will be seen. */
  steps(): Step[] {
    return this.#judge(true)
  }

  /**
   * Returns whether nothing more is to be expected, so that the guest can be asked to power off.
   *
   * @param now milliseconds since the virtual machine started.
   */
  isSettled(now: Moment): boolean {
    const { console, end, lastActivity, foreign } = this.#facts
    if (end !== undefined) return true
    const since = (moment: Moment) => now - moment
    const death = boot.death(this.#facts)
    if (death !== undefined) return since(death) >= AFTER_FAILURE
    const quiet = since(lastActivity)
    // Without an address of its network, the guest gets no metadata.
    const isAlone = foreign.length > 0 && console.prompt !== undefined && this.#results.get('dhcp') !== 'ok'
    if ((isAlone || this.#isAllKnown()) && quiet >= AFTER_ALL) return true
    if (boot.isFirmwareLast(this.#facts) && quiet >= AFTER_FIRMWARE) return true
    return quiet >= this.#patience()
  }

  /** Returns whether the guest became an instance: it booted, got its address, and got its metadata. */
  passes(): boolean {
    return this.steps().every(({ step, result }) => result === 'ok' || !REQUIRED.has(step))
  }

  /** What the guest was seen to have of its own. */
  get identity(): Identity {
    return { hostKeys: this.#facts.ssh?.hostKeys, machineId: this.#facts.login?.machineId }
  }

  /** Returns the milliseconds without activity after which nothing more is expected. */
  #patience(): number {
    const { console, login } = this.#facts
    const { patience } = this.#options
    if (console.prompt === undefined) return patience
    // It is tried to log in for a while.
    const isRefused = login !== undefined && login.user === undefined
    return isRefused ? patience / 6 : patience / 3
  }

  #isAllKnown(): boolean {
    const isKnown = (step: BootStep) => (this.#results.get(step) ?? 'not-seen') !== 'not-seen'
    const { ssh } = this.#options
    const isLoginDone = !ssh || isKnown('login') || this.#results.get('ssh') === 'failed'
    const { 'user-data-started': start, 'user-data-exit-code': end } = this.#facts.console
    const isUserDataDone = start === undefined ? isKnown('user-data') || isKnown('login') : end !== undefined
    return (['system', 'dhcp', 'metadata'] as const).every(isKnown) && isUserDataDone && isLoginDone
  }

  #judge(isOver: boolean): Step[] {
    const of: Case = { ...this.#options, facts: this.#facts, isOver }
    return BOOT_STEPS.map((step) => ({ step, ...VERDICTS[step](of) }))
  }
}

/** Returns the steps that compare two instances of an image. */
export function compareIdentities(first: Identity, second: Identity): Step[] {
  return [hostKeysDiffer(first, second), machineIdDiffers(first, second)].map((step) => ({ at: undefined, ...step }))
}

function hostKeysDiffer({ hostKeys: first }: Identity, { hostKeys: second }: Identity): Omit<Step, 'at'> {
  const step = 'host-keys-differ'
  if (first === undefined || second === undefined) {
    return { step, result: 'not-seen', message: 'sshd did not answer in every boot' }
  }
  const common = Object.entries(first).find(([, fingerprint]) => Object.values(second).includes(fingerprint))
  return common === undefined
    ? { step, result: 'ok', message: 'no common host key' }
    : { step, result: 'failed', message: `both instances have the host key ${common.join(' ')}` }
}

function machineIdDiffers({ machineId: first }: Identity, { machineId: second }: Identity): Omit<Step, 'at'> {
  const step = 'machine-id-differs'
  if (first === undefined || second === undefined) {
    return { step, result: 'not-seen', message: 'not read in every boot' }
  }
  return first === second
    ? { step, result: 'failed', message: `both instances have the machine ID ${first}` }
    : { step, result: 'ok', message: `${first} and ${second}` }
}
