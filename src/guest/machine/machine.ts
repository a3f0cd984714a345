import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import { type MachineHardware, machineArguments, QEMU } from './command-line.ts'
import { type Fifo, makeFifos, readFifo } from './fifo.ts'
import { forwardedPort, PACKETS, placeConnector } from './network.ts'
import { type QemuProcess, startQemu } from './process.ts'
import { Qmp, type QmpEvent } from './qmp.ts'
import { vncAddress } from './vnc.ts'
import { waitingTime } from './waiting-time.ts'

/** How a virtual machine is started. */
export interface MachineOptions extends MachineHardware {
  /** A folder that only this user can change, which QEMU works in. */
  folder: string
  cancellation: Cancellation
  /** Called with bytes of the serial console. */
  onConsole: (chunk: Buffer) => void
}

/** Why a virtual machine ended: it was shut down, it reset, or QEMU died, was killed, or lacks space for its disk. */
export type MachineEnd = { how: 'shutdown' | 'reset' } | { how: 'died'; error: VdcError }

/** A running virtual machine. */
export interface Machine {
  /** Of QEMU. */
  pid: number
  /** Resolves when the guest has shut down or reset the machine, or QEMU has died. The last screen is kept. */
  ended: Promise<MachineEnd>
  /** The argument of vncviewer(1); undefined if the screen cannot be looked at. */
  vnc: string | undefined
  /** Returns the port of 127.0.0.1 that leads to port 22 of the guest; undefined in another network than a restricted one. */
  sshPort(): Promise<number | undefined>
  /** Returns the milliseconds that the machine has waited for a processor of this host; 0 if that is not known. */
  waited(): Promise<number>
  /** Presses the power button. */
  powerDown(): Promise<void>
  /** Returns the screen as PNG. */
  screenshot(): Promise<Buffer>
  /**
   * Ends the machine, and returns when all that it has written is in the file of its disk.
   *
   * @throws VdcError QEMU_IMG_FAILED if it cannot be written.
   */
  quit(): Promise<void>
  /** Kills the machine at once, for a reason that `ended` resolves with. */
  kill(error: VdcError): void
}

/** Characters of QEMU's messages that are kept. */
const LONGEST_MESSAGE = 2000
/** The name of a file in QEMU's folder. */
const SCREENSHOT = 'screenshot.png'
/** What QEMU says of a parameter that it does not know, and what to tell of it. */
const UNKNOWN_FORMAT = /'format'/
const NEWER = 'QEMU can do it from version 7.1 on'
/** The exit code of a shell that finds no program. */
const NOT_FOUND = 127
const INSTALL = 'Install it with: apt-get install --no-install-recommends qemu-system-x86'
/** The reasons of QEMU's event SHUTDOWN that come from the guest. */
const REASONS: Readonly<Record<string, 'shutdown' | 'reset'>> = {
  'guest-shutdown': 'shutdown',
  'guest-reset': 'reset',
}

/**
 * Starts a virtual machine, and runs `work`. The machine ends with `work`, and with this process, however that ends.
 * QEMU runs in its sandbox, as this user, and within limits of memory and disk space.
 *
 * @throws VdcError QEMU_IMG_FAILED if QEMU is missing or does not start; the error of the cancellation; errors of `work`.
 */
export async function withMachine<T>(options: MachineOptions, work: (machine: Machine) => Promise<T>): Promise<T> {
  const { folder, cancellation, disk, cd, memory } = options
  cancellation.throwIfRequested()
  const fifos = await prepareFolder(options)
  const qemu = startQemu(QEMU, machineArguments(options), {
    ...{ folder, memory, isWriting: disk.isWritable },
    descriptors: cd === undefined ? [disk.fd] : [disk.fd, cd],
  })
  const exited = exitOf(qemu)
  const kill = () => killGroup(qemu)
  cancellation.signal.addEventListener('abort', kill, { once: true })
  if (cancellation.signal.aborted) kill()
  qemu.child.stdout.on('data', options.onConsole)
  try {
    const { qmp, ended, end } = await connect(qemu, exited, folder)
    // From now on, only QEMU writes to them.
    for (const fifo of fifos) fifo.letEnd()
    const pid = qemu.child.pid as number
    return await work({
      ...machineOf(qmp, pid, options),
      pid,
      ended,
      quit: () => quitQemu(qmp, qemu, exited),
      kill(error) {
        end({ how: 'died', error })
        kill()
      },
    })
  } finally {
    cancellation.signal.removeEventListener('abort', kill)
    kill()
    await exited
    for (const fifo of fifos) await fifo.close()
    cancellation.throwIfRequested()
  }
}

/** Puts what QEMU needs into its folder. Returns the FIFOs of the packets. */
async function prepareFolder({ folder, network, cancellation }: MachineOptions): Promise<Fifo[]> {
  if (network.kind !== 'restricted') return []
  requireLoopback()
  await placeConnector(folder)
  await makeFifos(folder, Object.values(PACKETS), cancellation)
  return [readFifo(join(folder, PACKETS.rx), network.fromGuest), readFifo(join(folder, PACKETS.tx), network.toGuest)]
}

/** @throws VdcError QEMU_IMG_FAILED if the loopback is down, as in a new network namespace: QEMU's network needs it. */
function requireLoopback(): void {
  if (Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => internal))) return
  throw failed('needs the loopback interface, which is down', 'Bring it up with: ip link set lo up')
}

/** Resolves when QEMU and its pipes have ended, with the reason. */
async function exitOf({ child }: QemuProcess): Promise<VdcError> {
  let messages = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    messages = (messages + text).slice(0, LONGEST_MESSAGE)
  })
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(failed(`cannot be run: ${error.message}`, undefined)))
    child.once('close', (code, signal) => {
      if (code === NOT_FOUND) return resolve(failed('is not installed', INSTALL))
      // After the first line QEMU explains what follows from it.
      const [why = ''] = messages.trim().replaceAll(`${QEMU}: `, '').split('\n')
      const hint = /^-vnc .*Address already in use/.test(why) ? 'Choose another port with --vnc' : undefined
      resolve(failed(`ended unexpectedly: ${why || (signal ?? `exit code ${code}`)}`, hint))
    })
  })
}

/** @throws VdcError QEMU_IMG_FAILED if QEMU does not start. */
async function connect(
  qemu: QemuProcess,
  exited: Promise<VdcError>,
  folder: string,
): Promise<{ qmp: Qmp; ended: Promise<MachineEnd>; end: (end: MachineEnd) => void }> {
  let end: (end: MachineEnd) => void = () => {}
  const ended = new Promise<MachineEnd>((resolve) => {
    end = resolve
  })
  exited.then((error) => end({ how: 'died', error }))
  const qmp = new Qmp(qemu.monitor, (event) => {
    const known = endBy(event, folder)
    if (known !== undefined) end(known)
  })
  try {
    await qmp.run('qmp_capabilities')
  } catch {
    killGroup(qemu)
    throw await exited
  }
  return { qmp, ended, end }
}

/** Returns how an event ends the machine; undefined if it does not. */
function endBy({ event, data }: QmpEvent, folder: string): MachineEnd | undefined {
  const how = event === 'SHUTDOWN' ? REASONS[String(data.reason)] : undefined
  if (how !== undefined) return { how }
  // QEMU says so only if it has stopped the machine for this.
  if (event !== 'BLOCK_IO_ERROR' || data.nospace !== true) return undefined
  const text = `No space is left in ${dirname(folder)} for what the guest writes to its disk`
  return {
    how: 'died',
    error: new VdcError('FILE_NOT_WRITTEN', text, { hint: 'Set TMPDIR to a folder with enough space' }),
  }
}

function machineOf(
  qmp: Qmp,
  pid: number,
  { folder, network, vnc }: MachineOptions,
): Omit<Machine, 'pid' | 'ended' | 'quit' | 'kill'> {
  const ask = (command: string, args = {}) =>
    qmp.run(command, args).catch(({ message }: Error) => {
      throw failed(`cannot do ${command}: ${message}`, UNKNOWN_FORMAT.test(message) ? NEWER : undefined)
    })
  let processor: number | undefined
  return {
    vnc: vnc && vncAddress(vnc, folder),
    async sshPort() {
      if (network.kind !== 'restricted') return undefined
      return forwardedPort(String(await ask('human-monitor-command', { 'command-line': 'info usernet' })))
    },
    async waited() {
      processor ??= await processorThread(qmp)
      return processor === undefined ? 0 : waitingTime(pid, processor)
    },
    async powerDown() {
      await ask('system_powerdown')
    },
    async screenshot() {
      await ask('screendump', { filename: SCREENSHOT, format: 'png' })
      return readFile(join(folder, SCREENSHOT))
    },
  }
}

/** Returns the thread of QEMU that runs the machine's only processor; undefined if QEMU does not say. */
async function processorThread(qmp: Qmp): Promise<number | undefined> {
  const processors = await qmp.run('query-cpus-fast').catch(() => [])
  return (processors as { 'thread-id': number }[])[0]?.['thread-id']
}

async function quitQemu(qmp: Qmp, { child }: QemuProcess, exited: Promise<VdcError>): Promise<void> {
  // QEMU may end before it answers.
  await qmp.run('quit').catch(() => {})
  const end = await exited
  if (child.exitCode !== 0) throw end
}

function killGroup({ child }: QemuProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

function failed(why: string, hint: string | undefined): VdcError {
  return new VdcError('QEMU_IMG_FAILED', `QEMU, which runs virtual machines, ${why}`, { hint })
}
