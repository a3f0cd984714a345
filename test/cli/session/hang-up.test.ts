import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder, rawDisk } from '../../support/files/images.ts'
import { environment, PROGRAM } from '../../support/process/cli.ts'
import { fakeQemuImg } from '../../support/process/fake-qemu-img.ts'
import { startTerminal, type Terminal } from '../../support/process/tmux.ts'

/* SIGHUP, as from a closed terminal, during work, compared with the other signals. */

/** The command that qemu-img becomes in these tests, to find it among all processes. */
const SLEEP = `sleep 61.${process.pid}`

let database: TestDatabase
let PATH: string
const all = newFolder()
const disk = join(all.path, 'disk.raw')
beforeAll(async () => {
  database = await newDatabase('sqlite')
  PATH = fakeQemuImg({ before: `exec ${SLEEP}` })
  writeFileSync(disk, rawDisk(2 ** 20))
})
afterAll(async () => {
  await database.remove()
  all.remove()
})

let count = 0
let out: string
beforeEach(() => {
  out = join(all.path, `out${++count}`)
  mkdirSync(out)
})
const terminals: Terminal[] = []
afterEach(async () => {
  for (const terminal of terminals.splice(0)) await terminal.close().catch(() => {})
})

/** Returns the process IDs of the fake qemu-img. */
function sleepers(): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(SLEEP)
    } catch {
      return false
    }
  })
}

const convert = () => ['image', 'convert', disk, join(out, 'disk.qcow2'), '--to', 'qcow2']
const accounts = async () => (await database.query('SELECT COUNT(*) AS n FROM accounts'))[0]?.n

/** Starts the program in its own process group. */
function start(args: string[], options: { input?: string; env?: Record<string, string>; program?: string } = {}) {
  const { program = PROGRAM, input, env = { PATH } } = options
  return execa(program, args, {
    env: environment({ database, env }),
    extendEnv: false,
    reject: false,
    detached: true,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  })
}

describe.each([
  ['SIGHUP', 143, 'Error: Terminated'],
  ['SIGTERM', 143, 'Error: Terminated'],
  ['SIGINT', 130, 'Error: Interrupted'],
] as const)('%s', (signal, exitCode, stderr) => {
  test('ends a conversion and qemu-img, and leaves no file', async () => {
    const running = start(convert())
    await expect.poll(() => sleepers().length).toBe(1)
    process.kill(running.pid as number, signal)
    expect(await running).toMatchObject({ exitCode, stdout: '', stderr })
    expect(readdirSync(out)).toEqual([])
    expect(sleepers()).toEqual([])
  })

  test('ends a script during a line', async () => {
    const before = await accounts()
    const running = start([], { input: `${convert().join(' ')}\naccount add\n` })
    await expect.poll(() => sleepers().length).toBe(1)
    process.kill(running.pid as number, signal)
    expect(await running).toMatchObject({ exitCode, stdout: '', stderr })
    expect(readdirSync(out)).toEqual([])
    expect(sleepers()).toEqual([])
    expect(await accounts()).toBe(before)
  })
})

test('several SIGHUPs at once, as from a shell and the kernel, count as one', async () => {
  const running = start(convert())
  await expect.poll(() => sleepers().length).toBe(1)
  for (let sent = 0; sent < 20 && running.exitCode === null; sent++) {
    try {
      process.kill(-(running.pid as number), 'SIGHUP')
    } catch {
      break
    }
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  expect(await running).toMatchObject({ exitCode: 143, stdout: '', stderr: 'Error: Terminated' })
  expect(readdirSync(out)).toEqual([])
})

test('SIGHUP ends an idle command as SIGTERM does', async () => {
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
    const script = join(out, 'fifo')
    if (!existsSync(script)) await execa('mkfifo', [script])
    // Waits for IDs on a stdin that nobody writes to.
    const waiting = execa('sh', ['-c', `exec ${PROGRAM} account show - 3<>${script} <&3`], {
      env: environment({ database }),
      extendEnv: false,
      reject: false,
    })
    await expect.poll(() => readFileSync(`/proc/${waiting.pid}/cmdline`, 'utf8').startsWith('node')).toBe(true)
    await expect.poll(() => caught(waiting.pid as number)).toContain(1)
    waiting.kill(signal)
    const { exitCode, signal: by, stdout, stderr } = await waiting
    expect(by === undefined ? exitCode : by).toBe(signal === 'SIGHUP' ? 143 : 'SIGTERM')
    expect(stdout + stderr).toBe('')
  }
})

/** Returns the numbers of the signals that a process handles. */
function caught(pid: number): number[] {
  const mask = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]}`)
  return Array.from({ length: 31 }, (_, at) => at + 1).filter((number) => (mask >> BigInt(number - 1)) & 1n)
}

test('SIGHUP is ignored under nohup, also by qemu-img', async () => {
  const wait = join(out, 'wait')
  const fake = fakeQemuImg({ before: `touch ${wait}; while [ -e ${wait} ]; do sleep 0.1; done` })
  for (const line of [
    [PROGRAM, ...convert()],
    [PROGRAM, '-f', join(out, 'script')],
  ]) {
    writeFileSync(join(out, 'script'), `${convert().join(' ')}\n`)
    const running = start(line, { program: 'nohup', env: { PATH: fake } })
    await expect.poll(() => existsSync(wait)).toBe(true)
    for (let sent = 0; sent < 3; sent++) process.kill(-(running.pid as number), 'SIGHUP')
    await execa('rm', [wait])
    expect(await running).toMatchObject({ exitCode: 0 })
    expect(readdirSync(out).sort()).toEqual(['disk.qcow2', 'script'])
    await execa('rm', [join(out, 'disk.qcow2')])
  }
})

describe('at a terminal', () => {
  const open = async (line: string) => {
    const terminal = await startTerminal(line, { database, home: out, env: { PATH } })
    terminals.push(terminal)
    await terminal.untilLine('vdc-manage>> ')
    return terminal
  }

  test.each([['vdc-manage'], ['vdc-manage --tx bulk']])('SIGHUP ends the shell at its prompt: %s', async (line) => {
    const before = await accounts()
    const terminal = await open(line)
    if (line.endsWith('bulk')) {
      await terminal.type('account add')
      await terminal.press('Enter')
      await terminal.until(/^Will be stored at the end of this session: a-/m)
      await terminal.untilLine('vdc-manage>> ')
    }
    process.kill(await terminal.pid(), 'SIGHUP')
    await terminal.until(/exit code 143$/)
    if (line.endsWith('bulk')) {
      expect(await terminal.screen()).toContain('\nNothing was stored\n')
      expect(await accounts()).toBe(before)
    }
  })

  test('SIGHUP ends the running line and the shell', async () => {
    const terminal = await open('vdc-manage')
    await terminal.type(convert().join(' '))
    await terminal.press('Enter')
    await expect.poll(() => sleepers().length).toBe(1)
    process.kill(await terminal.pid(), 'SIGHUP')
    expect(await terminal.exitCode()).toBe(143)
    expect(sleepers()).toEqual([])
    expect(readdirSync(out)).toEqual(['.local'])
  })

  test.each([
    ['at the prompt', 'vdc-manage'],
    ['while a line runs', 'vdc-manage'],
    ['at the prompt, and commits nothing', 'vdc-manage --tx bulk'],
  ])('closing the terminal ends the shell without a core dump: %s', async (when, line) => {
    const before = await accounts()
    // sh gets SIGHUP too, and must continue to write the exit code.
    const terminal = await open(`trap : HUP; ${line}; echo $? > ${out}/code`)
    await terminal.type(when === 'while a line runs' ? convert().join(' ') : 'account show a-shpoolxx')
    if (line.endsWith('bulk')) {
      await terminal.press('Enter')
      await terminal.until(/^ *id: .*a-shpoolxx$/m)
      await terminal.untilLine('vdc-manage>> ')
      await terminal.type('account add')
    }
    await terminal.press('Enter')
    if (when === 'while a line runs') await expect.poll(() => sleepers().length).toBe(1)
    else if (line.endsWith('bulk')) await terminal.until(/^Will be stored at the end of .*\nvdc-manage>>$/m)
    else {
      await terminal.until(/^ *id: .*a-shpoolxx$/m)
      await terminal.untilLine('vdc-manage>> ')
    }
    await terminal.close()
    const code = () => existsSync(join(out, 'code')) && readFileSync(join(out, 'code'), 'utf8')
    await expect.poll(code).toBe('143\n')
    expect(sleepers()).toEqual([])
    expect(readdirSync(out).filter((name) => name !== '.local')).toEqual(['code'])
    expect(await accounts()).toBe(before)
  })
})
