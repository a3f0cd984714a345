import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { openNamelessIn } from '../../disk/file/temporary-file.ts'
import { type Argument, commandLine } from './command-line.ts'
import { guestfishCommand } from './limits.ts'
import { removeSocketFolders, socketFolders } from './socket-folders.ts'

/** How guestfish is started. */
export interface GuestfishOptions {
  /** A folder of this process alone, for temporary files of guestfish. */
  folder: string
  env: Record<string, string>
  /** Whether the virtual machine writes to a disk. */
  isWritable: boolean
  /** Kills it when aborted. */
  signal: AbortSignal
}

/** Characters of the output of one command above which guestfish is killed. */
const MOST_OUTPUT = 4 << 20
/** The longest error message that is read, in bytes. */
const LONGEST_ERROR = 4096
/** Messages of libguestfs if the virtual machine is gone: of the command that it interrupted, and of all others. */
const MACHINE_ENDED = /^(?:appliance closed the connection|\w*:? ?call launch before)/

/** A command of guestfish failed; the message is guestfish's, without prefixes. */
export class CommandFailed extends Error {
  override name = 'CommandFailed'
}

/**
 * A session of guestfish(1), to which commands are written one by one. What it prints is untrusted,
 * because it may come from the guest: each command ends with a random mark, errors arrive in a file of their
 * own, and bytes of the guest in another one. guestfish and the virtual machine that it starts end with
 * this process.
 */
export class Guestfish {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #errors: FileHandle
  readonly #output: FileHandle
  readonly #input: FileHandle
  readonly #ended: Promise<void>
  #onData = () => {}
  #turn: Promise<unknown> = Promise.resolve()
  #stdout = ''
  #hasEnded = false
  readonly #socketFolders = new Set<string>()
  #killedBecause: string | undefined
  #errorsRead = 0

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, null>,
    [errors, output, input]: readonly [FileHandle, FileHandle, FileHandle],
  ) {
    this.#child = child
    this.#errors = errors
    this.#output = output
    this.#input = input
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true
        this.#onData()
        resolve()
      }
      child.once('close', end)
      child.once('error', end)
    })
    child.stdin.on('error', () => {})
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#stdout += text
      if (this.#stdout.length > MOST_OUTPUT) this.kill(`guestfish prints more than ${MOST_OUTPUT} bytes`)
      this.#onData()
    })
  }

  /** Starts guestfish; the virtual machine starts with the command `launch`. It must be closed. */
  static async start({ folder, env, isWritable, signal }: GuestfishOptions): Promise<Guestfish> {
    const errors = await openNamelessIn(folder)
    const output = await openNamelessIn(folder)
    const input = await openNamelessIn(folder)
    // In a process group of its own, so that it can be killed together with the virtual machine.
    const [program, ...args] = guestfishCommand(isWritable)
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', errors.fd, output.fd, input.fd],
      env,
      detached: true,
    }) as unknown as ChildProcessByStdio<Writable, Readable, null>
    const guestfish = new Guestfish(child, [errors, output, input])
    signal.addEventListener('abort', () => guestfish.kill(), { once: true })
    if (signal.aborted) guestfish.kill()
    return guestfish
  }

  /**
   * Runs a command. Commands run one after the other.
   *
   * @param args one character per byte.
   * @returns what it prints, one character per byte.
   * @throws CommandFailed if it fails, or guestfish has ended.
   */
  run(command: string, ...args: string[]): Promise<string> {
    return this.#inTurn(() => this.#run(command, args))
  }

  /**
   * Runs a command that writes to a file.
   *
   * @param args OUTPUT stands for the file.
   * @returns the first bytes of the file.
   * @throws CommandFailed if it fails, or guestfish has ended.
   */
  download(limit: number, command: string, ...args: Argument[]): Promise<Buffer> {
    return this.#inTurn(async () => {
      await this.#output.truncate(0)
      await this.#run(command, args)
      const { size } = await this.#output.stat()
      const bytes = Buffer.alloc(Math.min(size, limit))
      const { bytesRead } = await this.#output.read(bytes, 0, bytes.length, 0)
      return bytes.subarray(0, bytesRead)
    })
  }

  /**
   * Runs a command that reads a file.
   *
   * @param args INPUT stands for the file.
   * @throws CommandFailed if it fails, or guestfish has ended.
   */
  upload(bytes: Buffer, command: string, ...args: Argument[]): Promise<string> {
    return this.#inTurn(async () => {
      await this.#input.truncate(0)
      await this.#input.write(bytes, 0, bytes.length, 0)
      return this.#run(command, args)
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => {})
    return mine
  }

  async #run(command: string, args: readonly Argument[]): Promise<string> {
    const mark = randomBytes(16).toString('hex')
    const line = commandLine(command, args)
    if (line === undefined) throw new CommandFailed(`${command}: File name too long`)
    this.#stdout = ''
    this.#child.stdin.write(Buffer.from(`${line}\necho ${mark}\n`, 'latin1'))
    const end = `${mark}\n`
    await new Promise<void>((resolve) => {
      this.#onData = () => (this.#hasEnded || this.#stdout.endsWith(end)) && resolve()
      this.#onData()
    })
    const error = await this.#newErrors()
    if (error !== '') throw new CommandFailed(error)
    if (this.#hasEnded) throw new CommandFailed(this.#killedBecause ?? 'guestfish ended unexpectedly')
    return this.#stdout.slice(0, -end.length)
  }

  /** The process ID; 0 if it did not start. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /**
   * Kills guestfish and the virtual machine.
   *
   * @param because the message of the errors that commands throw then.
   */
  kill(because?: string): void {
    this.#killedBecause ??= because
    const { pid } = this.#child
    if (pid === undefined || this.#hasEnded) return
    for (const folder of socketFolders(pid)) this.#socketFolders.add(folder)
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
  }

  /** Ends guestfish and waits for its end. */
  async close(): Promise<void> {
    this.kill()
    await this.#ended
    removeSocketFolders(this.#socketFolders)
    await this.#errors.close()
    await this.#output.close()
    await this.#input.close()
  }

  /** Returns the error messages since the last call, without prefixes; empty if there are none. */
  async #newErrors(): Promise<string> {
    const { size } = await this.#errors.stat()
    const bytes = Buffer.alloc(Math.min(size - this.#errorsRead, LONGEST_ERROR))
    const { bytesRead } = await this.#errors.read(bytes, 0, bytes.length, this.#errorsRead)
    this.#errorsRead = size
    const text = bytes.toString('latin1', 0, bytesRead)
    const [, message] = /^(?:\*stdin\*:\d+: )?(?:libguestfs: error|guestfish): (.*)$/m.exec(text) ?? []
    return message === undefined || !MACHINE_ENDED.test(message)
      ? (message ?? '')
      : 'the virtual machine ended unexpectedly'
  }
}
