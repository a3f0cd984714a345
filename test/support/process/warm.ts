import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'

/*
 * Processes with the program loaded, one per worker of vitest. They run one command at a time.
 * Starting a process for each command would take twenty times as long.
 */

const SCRIPT = fileURLToPath(new URL('warm-program.js', import.meta.url))

/** The result of a command. */
interface Answer {
  code: number
  stdout: string
  stderr: string
}

/** Starts the processes for the program built in `root`, with their sockets in `folder`. Returns a function that ends them. */
export function startWarmPrograms(root: string, folder: string, count: number): () => void {
  const running = new Map<number, ChildProcess>()
  let isOver = false
  const start = (worker: number) => {
    const child = spawn(process.execPath, [SCRIPT, root, join(folder, socketName(worker))], {
      env: {},
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    running.set(worker, child)
    child.once('exit', () => !isOver && start(worker))
  }
  for (let worker = 1; worker <= count; worker++) start(worker)
  return () => {
    isOver = true
    for (const child of running.values()) child.kill('SIGKILL')
  }
}

function socketName(worker: number | string): string {
  return `warm-${worker}`
}

interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
}

let opening: Promise<Socket> | undefined
/** The running command, if any. */
let waiting: Waiting | undefined

/**
 * Runs a command in the warm process of this worker.
 *
 * @returns undefined if another command is running there.
 */
export async function runWarm(request: {
  args: string[]
  env: Record<string, string>
  cwd: string | undefined
  /** The contents of stdin, in base64. */
  input: string | undefined
  /** Whether the modules of the program are loaded again for it. */
  isFresh: boolean
}): Promise<Answer | undefined> {
  if (waiting !== undefined) return undefined
  return new Promise((resolve, reject) => {
    waiting = { resolve, reject }
    opening ??= open()
    opening.then((socket) => socket.write(`${JSON.stringify(request)}\n`), reject)
  })
}

async function open(): Promise<Socket> {
  const path = join(inject('folder'), socketName(process.env.VITEST_POOL_ID ?? '1'))
  const socket = await connected(path)
  const end = () => {
    const { resolve, reject } = waiting as Waiting
    waiting = undefined
    return { resolve, reject }
  }
  createInterface({ input: socket }).on('line', (line) => end().resolve(JSON.parse(line)))
  socket.once('close', () => {
    opening = undefined
    if (waiting !== undefined) end().reject(new Error('The warm process ended during a command'))
  })
  return socket.unref()
}

async function connected(path: string): Promise<Socket> {
  for (const deadline = Date.now() + 120_000; ; await sleep(20)) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      // The process may still be starting.
      if (Date.now() > deadline) throw error
    }
  }
}
