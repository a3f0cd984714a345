import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import type { Watcher } from '../../disk/watcher.ts'
import { withGuestFolder } from '../appliance/guest-folder.ts'
import type { MachineArch, MachineDisk } from '../machine/command-line.ts'
import { type Machine, type MachineEnd, withMachine } from '../machine/machine.ts'
import type { VncPlace } from '../machine/vnc.ts'
import type { Instance } from '../metadata/instance.ts'
import { startMetadataService } from '../metadata/start-service.ts'
import type { EndEvent, Moment } from './event.ts'
import type { Identity } from './judge.ts'
import { MOST_CONNECTIONS, Observer } from './observer.ts'
import { probeSsh } from './probe-ssh.ts'
import type { Step } from './step.ts'

/** How a guest is booted once. */
export interface BootOptions {
  disk: MachineDisk
  arch: MachineArch
  accel: 'kvm' | 'tcg'
  /** MiB. */
  memory: number
  /** Seconds that are waited for the guest to do all that it does, before it is asked to power off. */
  timeout: number
  instance: Instance
  /** The path of the private key of the instance's first public key; undefined if it is not tried to log in. */
  key: string | undefined
  vnc: VncPlace | undefined
  /** Whether to return the last screen. */
  isScreenKept: boolean
  watcher: Watcher
  /** Called with the argument of vncviewer(1) once the screen can be looked at. */
  onVnc: (address: string) => Promise<unknown>
  /** Called with each step once it is decided, and with one that was ok once it fails. */
  tell: (step: Step) => Promise<unknown>
}

/** What a guest did in one boot. */
export interface BootResult {
  /** Whether it booted, and got its address and its metadata. */
  passes: boolean
  steps: Step[]
  identity: Identity
  /** The beginning of what the guest wrote to its serial console. */
  console: Buffer
  /** PNG, if it was asked for. */
  screen: Buffer | undefined
}

/** Milliseconds between two looks at what has changed. */
const INTERVAL = 250
/** Milliseconds without activity after which a guest is taken to have done all that it does. */
const PATIENCE = { kvm: 30_000, tcg: 90_000 } as const
/** Milliseconds that a guest may take to power off. */
const POWER_OFF = { kvm: 60_000, tcg: 120_000 } as const
/** The name of the service's socket in the folder of the machine. */
const METADATA_SOCKET = 'metadata'

/**
 * Boots a guest, watches it until it has done all that it does, asks it to power off, and waits for that.
 *
 * @throws VdcError QEMU_IMG_FAILED if QEMU cannot run; FILE_NOT_WRITTEN if this host has no space; GUEST_NOT_BOOTED if
 *   the guest had to be stopped; the error of the cancellation; errors of `tell`.
 */
export async function bootGuest(options: BootOptions): Promise<BootResult> {
  const { instance, key, accel, watcher, tell } = options
  return withGuestFolder(async (folder) => {
    const observer = new Observer({ instance, patience: PATIENCE[accel], ssh: key !== undefined }, tell)
    const service = await startMetadataService(
      { path: join(folder, METADATA_SOCKET), isNear: true },
      {
        imdsV2: 'optional',
        find: async () => instance,
        onRequest: observer.request,
        onConnection: observer.connection,
      },
    )
    const task = watcher.progress.begin('Running the guest', undefined)
    try {
      const { end, screen } = await runMachine(folder, options, observer)
      const { steps, console } = await observer.finish(end)
      return { passes: observer.judge.passes(), steps, identity: observer.judge.identity, console, screen }
    } finally {
      task.end()
      await service.close()
    }
  })
}

/** What is left of a virtual machine. */
interface Remains {
  /** Undefined if the guest was not asked to power off. */
  end: (EndEvent & { at: Moment }) | undefined
  screen: Buffer | undefined
}

async function runMachine(folder: string, options: BootOptions, observer: Observer): Promise<Remains> {
  const { instance, key, disk, arch, accel, memory, vnc, watcher, timeout } = options
  const network = {
    kind: 'restricted' as const,
    mac: instance.interfaces[0]?.mac ?? '',
    metadataSocket: METADATA_SOCKET,
    fromGuest: observer.fromGuest,
    toGuest: observer.toGuest,
  }
  const machineOptions = {
    ...{ folder, disk, arch, accel, memory, network },
    ...(vnc && { vnc }),
    hasSerialFirmware: true,
    cancellation: watcher.cancellation,
    onConsole: observer.console,
  }
  return withMachine(machineOptions, async (machine) => {
    observer.onFlood = () => machine.kill(flooded())
    if (machine.vnc !== undefined) await options.onVnc(machine.vnc)
    const watch = new Watch(machine, observer, watcher)
    const over = new AbortController()
    const target = { host: '127.0.0.1', port: (await machine.sshPort()) ?? 0, signal: over.signal }
    const probing = key === undefined ? undefined : probeSsh(target, key, observer).catch(machine.kill)
    try {
      await watch.until(timeout * 1000, (now) => observer.judge.isSettled(now))
    } finally {
      over.abort()
      await probing
    }
    const screen = options.isScreenKept ? await machine.screenshot() : undefined
    const end = await powerOff(machine, observer, watch, { limit: POWER_OFF[accel], timeout: timeout * 1000 })
    return { end, screen }
  })
}

function flooded(): VdcError {
  const what = `more than ${MOST_CONNECTIONS} connections to the metadata service at once`
  return new VdcError('GUEST_NOT_BOOTED', `The guest opened ${what}, and was stopped`)
}

/**
 * Asks a guest to power off, if it runs a system that can. Returns how the machine ended.
 *
 * @param limits.limit milliseconds that the guest may take, beside those in which it waits for a processor of this host.
 * @param limits.timeout milliseconds that it may take with those, if that is longer.
 */
async function powerOff(
  machine: Machine,
  observer: Observer,
  watch: Watch,
  { limit, timeout }: { limit: number; timeout: number },
): Promise<Remains['end']> {
  const isAsked = watch.end === undefined
  if (isAsked) {
    if (!observer.isSystemRunning) return undefined
    await machine.powerDown()
    const [begun, waited] = [observer.now(), watch.waited]
    await watch.until(begun + Math.max(limit, timeout), (now) => now - begun - (watch.waited - waited) >= limit)
  }
  const at = watch.end?.at ?? observer.now()
  if (watch.end === undefined) return { kind: 'end', how: 'killed', at }
  if (watch.end.how === 'reset') return { kind: 'end', how: 'reset', at }
  return { kind: 'end', how: isAsked ? 'powered-off' : 'by-itself', at }
}

/** Waits for a virtual machine. */
class Watch {
  /** Set once the machine has ended. */
  end: { how: 'shutdown' | 'reset'; at: Moment } | undefined
  /** Milliseconds that the machine has waited for a processor of this host. */
  waited = 0
  #death: (MachineEnd & { how: 'died' }) | undefined
  readonly #machine: Machine
  readonly #observer: Observer
  readonly #watcher: Watcher

  constructor(machine: Machine, observer: Observer, watcher: Watcher) {
    this.#machine = machine
    this.#observer = observer
    this.#watcher = watcher
    machine.ended.then((end) => {
      if (end.how === 'died') this.#death = end
      else this.end = { how: end.how, at: observer.now() }
    })
  }

  /**
   * Waits until the machine has ended, a moment has come, or `isOver` returns true.
   *
   * @throws VdcError QEMU_IMG_FAILED if QEMU died, GUEST_NOT_BOOTED if it was killed; the error of the cancellation; errors of `tell`.
   */
  async until(deadline: Moment, isOver: (now: Moment) => boolean): Promise<void> {
    for (;;) {
      await setTimeout(INTERVAL)
      await this.#observer.tick()
      this.#watcher.cancellation.throwIfRequested()
      if (this.#death !== undefined) throw this.#death.error
      // It is not known any more once the machine has ended.
      this.waited = Math.max(this.waited, await this.#machine.waited())
      this.#observer.judge.excuse(this.waited)
      const now = this.#observer.now()
      if (this.end !== undefined || now >= deadline || isOver(now)) return
    }
  }
}
