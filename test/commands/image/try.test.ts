import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, newFolder } from '../../support/files/images.ts'
import { type MicroGuest, microGuest } from '../../support/guests/disks/micro-guests.ts'
import { environment, PROGRAM, type Run, runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { processesIn } from '../../support/process/processes.ts'
import { newProgramFolder } from '../../support/process/programs.ts'

/* Small guests boot in 5 to 15 s under emulation, alone on two cores. */

/** Milliseconds of a test: it may try a guest for minutes, and again. */
const TEST = { timeout: 1_200_000 }
const PATIENCE = { timeout: 240_000 }
const IS_ROOT = process.geteuid?.() === 0

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
let database: TestDatabase
const withoutQemu = newProgramFolder(at('bin'), ['mkfifo'])
beforeAll(async () => {
  // For another user.
  chmodSync(folder.path, 0o755)
  database = await newDatabase('sqlite')
  copyFileSync(await microGuest('good'), at('good.raw'))
  await runLines([`image add local ${at('good.raw')} --uuid wmi-good --account-id a-shpoolxx`], { database })
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const tryOf = (...words: string[]) => ['image', 'try', ...words, '--accel', 'tcg', '--memory', '256']

/**
 * Makes a folder for temporary files. Its name has what command lines, ssh and QEMU's options treat specially, and is
 * longer than the path of a socket can be.
 */
function newTemporary(): string {
  const path = mkdtempSync(join(folder.path, `tmp,= %h$(id) ${'x'.repeat(100)}'`))
  chmodSync(path, 0o1777)
  return path
}

/** Runs the program by another one, with a folder for temporary files that must be empty in the end. */
async function run(args: string[], { by = [] }: { by?: string[] } = {}): Promise<Run> {
  const temporary = newTemporary()
  const [program = '', ...rest] = [...by, PROGRAM, ...args]
  const env = environment({ database, env: { TMPDIR: temporary } })
  const ended = await execa(program, rest, { env, extendEnv: false, reject: false, stripFinalNewline: false })
  expect(readdirSync(temporary)).toEqual([])
  expect(processesIn(temporary)).toEqual([])
  return { code: ended.exitCode, signal: ended.signal, stdout: ended.stdout, stderr: ended.stderr }
}

/** Returns the results of steps by their names, such as `ok`. */
function resultsIn(stdout: string): Record<string, string> {
  const { steps } = JSON.parse(stdout) as { steps: { step: string; result: string }[] }
  return Object.fromEntries(steps.map(({ step, result }) => [step, result]))
}

const ALL_OK = Object.fromEntries(
  'loader kernel system dhcp address metadata user-data host-name ssh login power-off'
    .split(' ')
    .map((step) => [step, 'ok']),
)

describe.concurrent('image try', TEST, () => {
  test('reports what a guest does, connects to nothing else, and stores the result', async () => {
    const before = hashOf(at('good.raw'), 'sha256')
    writeFileSync(at('user-data'), '#!/bin/sh\necho it is $(hostname) >/dev/console\n')
    writeFileSync(at('instance.yml'), 'instance_id: i-abc12345\nhostname: web\n')
    const files = ['--console', at('console'), '--screenshot', at('screen.png'), '--user-data', at('user-data')]
    const words = ['wmi-good', ...files, '--instance', at('instance.yml'), '--vnc', 'unix', '--save', '--json']
    const strace = ['strace', '-f', '-qq', '--seccomp-bpf', '-e', 'trace=connect,sendto,bind', '-o', at('trace')]
    const { code, stdout, stderr } = await run(tryOf(...words), { by: strace })
    const report = JSON.parse(stdout)
    expect(resultsIn(stdout), stdout).toEqual(ALL_OK)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(report).toMatchObject({ guest: 'wmi-good', booted: true, accel: 'tcg', failed: 0, not_seen: 0 })
    const messages = Object.fromEntries(report.steps.map((step: Record<string, string>) => [step.step, step.message]))
    expect(messages).toMatchObject({
      dhcp: expect.stringMatching(/^172\.16\.0\.10 for udhcp /),
      metadata: expect.stringContaining('instance-id, local-hostname'),
      'user-data': 'ran, with exit code 0',
      'host-name': 'web',
      ssh: expect.stringMatching(/^dropbear_\S+ ssh-ed25519 SHA256:/),
      login: 'as root',
    })
    // Every step has its moment, and they come in the order of a boot.
    const moments = ['loader', 'kernel', 'dhcp', 'metadata', 'login', 'power-off'].map(
      (name) => report.steps.find(({ step }: { step: string }) => step === name).seconds,
    )
    expect(moments).toEqual([...moments].sort((one, other) => one - other))
    expect(moments.every((seconds) => seconds > 0)).toBe(true)

    expect(stderr).toMatch(/^Look at the screen with: vncviewer '\/.*\/vdc-manage-guest-\d+-\w+\/vnc'\n/)
    expect(stderr).toMatch(/wmi-good: booted as an instance \(emulated\): 0 failed steps, 0 not seen\n$/)
    expect(readFileSync(at('console'), 'latin1')).toMatch(/Linux version [\s\S]*it is web/)
    expect(readFileSync(at('screen.png')).subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
    expect(hashOf(at('good.raw'), 'sha256')).toBe(before)

    expect(await vdcManageJson(['image', 'show', 'wmi-good'], { database })).toMatchObject({
      labels: {
        'vdc-manage.try.date': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        'vdc-manage.try.result': 'booted',
        'vdc-manage.try.failed': '0',
      },
    })
    const { stdout: found } = await vdcManage(['image', 'list', '--label', 'vdc-manage.try.result=booted', '-q'], {
      database,
    })
    expect(found).toBe('wmi-good\n')
    const { stdout: shown } = await vdcManage(['image', 'show', 'wmi-good'], { database })
    expect(shown).toMatch(/^try: +booted on \d{4}-\d\d-\d\d \(0 failed steps\)$/m)
    expect(shown).not.toContain('vdc-manage.try')

    const calls = readFileSync(at('trace'), 'latin1').split('\n')
    expect(calls.filter(leavesTheHost)).toEqual([])
    // The trace is whole: it has the connections of ssh and of the guest.
    expect(calls.some((call) => /connect\(.*sin_addr=inet_addr\("127\.0\.0\.1"\)/.test(call))).toBe(true)
    expect(calls.some((call) => /connect\(.*sun_path="metadata"/.test(call))).toBe(true)
  })

  test('runs as an ordinary user in an empty network namespace, and compares two boots', async () => {
    const asUser = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    const alone = ['unshare', ...(IS_ROOT ? [] : ['--map-root-user']), '--net']
    // The namespace has no other interface.
    const by = [...alone, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...(IS_ROOT ? asUser : [])]
    const { code, stdout, stderr } = await run(tryOf(await microGuest('one-identity'), '--twice'), { by })
    expect(stderr).toMatch(
      /one-identity\.raw: booted twice as the same instance \(emulated\): 2 failed steps, 0 not seen\n$/,
    )
    expect(code).toBe(3)
    const [first = '', second = '', both = ''] = stdout.split('\n\n')
    for (const [boot, number] of [
      [first, 1],
      [second, 2],
    ] as const) {
      const [heading, ...lines] = boot.trimEnd().split('\n')
      expect(heading).toBe(`Boot ${number}:`)
      expect(lines).toHaveLength(11)
      for (const line of lines) expect(line).toMatch(/^ +\d+\.\d s {2}ok {8}[a-z-]+ {3,}\S/)
    }
    expect(first).toMatch(/ host-name +demo1$/m)
    expect(second).toMatch(/ host-name +demo12$/m)
    expect(both).toMatch(
      /^Both boots:\n +failed {4}host-keys-differ +both instances have the host key ssh-ed25519 SHA256:/,
    )
    expect(both).toMatch(/^ +failed {4}machine-id-differs +both instances have the machine ID [0-9a-f]{32}$/m)
  })

  test('says that this host has no space, and does not blame the guest', async () => {
    writeFileSync(at('filler'), '#!/bin/sh\ndd if=/dev/zero of=/root/zeros bs=64k count=400; sync\n')
    // Only the namespace has the small filesystem.
    const script = 'mount -t tmpfs -o size=12m tmpfs "$TMPDIR" && exec "$@"'
    const by = ['unshare', ...(IS_ROOT ? [] : ['--map-root-user']), '--mount', 'sh', '-c', script, 'sh']
    const { code, stdout, stderr } = await run(tryOf(at('good.raw'), '--user-data', at('filler')), { by })
    expect(stderr).toMatch(
      /^Error: No space is left in .*x' *\S* for what the guest writes to its disk\nHint: Set TMPDIR to a folder with enough space\n$/,
    )
    expect(code).toBe(6)
    expect(stdout).not.toContain('failed')
  })
})

/** Returns true if a line of strace(1) is about another address than the loopback, or a port of all addresses. */
function leavesTheHost(call: string): boolean {
  const [, address] = /sa_family=AF_INET6?.*(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"/.exec(call) ?? []
  return address !== undefined && address !== '127.0.0.1' && address !== '::1'
}

/** What is wrong with a guest. */
interface Fault {
  code: number
  /** The results of the steps that are not ok. */
  not: Record<string, string>
  /** What the message of a step says. */
  message: [step: string, pattern: RegExp]
  /** Seconds after which a guest that never settles is ended. A slow machine needs the later ones to get that far. */
  timeouts?: number[]
}

const FAULTS: Partial<Record<MicroGuest, Fault>> = {
  'no-loader': {
    code: 3,
    not: { ...allNotSeen(), loader: 'failed' },
    message: ['loader', /nothing followed/],
  },
  'no-init': {
    code: 3,
    not: { ...allNotSeen(), loader: 'ok', kernel: 'failed' },
    message: ['kernel', /panicked: Attempted to kill init/],
  },
  'fixed-address': {
    code: 3,
    not: {
      ...{ address: 'failed', dhcp: 'not_seen', metadata: 'not_seen', 'user-data': 'not_seen' },
      ...{ 'host-name': 'failed', ssh: 'not_seen', login: 'not_seen' },
    },
    message: ['address', /packets from 192\.168\.1\.50, which the guest was not given/],
  },
  'no-script': {
    code: 3,
    not: { metadata: 'not_seen', 'user-data': 'not_seen', 'host-name': 'failed', login: 'failed' },
    message: ['metadata', /did not ask for metadata/],
  },
  'dying-script': {
    code: 3,
    not: { metadata: 'failed', 'user-data': 'not_seen', 'host-name': 'failed', login: 'failed' },
    message: ['metadata', /server: parameter not set/],
  },
  'no-sshd': { code: 0, not: { ssh: 'failed', login: 'not_seen' }, message: ['ssh', /sshd|host key/] },
  'endless-start': {
    code: 3,
    not: { ...allNotSeen(), loader: 'ok', kernel: 'ok' },
    message: ['system', /no sign of init or a login prompt; the console ends with: Starting the database \.\.\.$/],
    timeouts: [20, 60, 240],
  },
}

function allNotSeen(): Record<string, string> {
  return Object.fromEntries(Object.keys(ALL_OK).map((step) => [step, 'not_seen']))
}

describe.concurrent('a guest with a fault', TEST, () => {
  test.each(Object.entries(FAULTS))(
    'is told apart: %s',
    async (name, { code, not, message, timeouts = [undefined] }) => {
      const disk = await microGuest(name as MicroGuest)
      const [step, pattern] = message
      const messageIn = (stdout: string): string =>
        JSON.parse(stdout).steps.find((each: { step: string }) => each.step === step).message
      let ended: Run | undefined
      for (const timeout of timeouts) {
        ended = await run(tryOf(disk, '--json', ...(timeout === undefined ? [] : ['--timeout', `${timeout}`])))
        if (pattern.test(messageIn(ended.stdout))) break
      }
      const { stdout = '', code: exit } = ended ?? {}
      expect(resultsIn(stdout)).toEqual({ ...ALL_OK, ...not })
      expect(exit).toBe(code)
      const report = JSON.parse(stdout)
      expect(messageIn(stdout)).toMatch(pattern)
      const error = { code: 'GUEST_NOT_BOOTED', message: `${disk} did not boot as an instance`, exit: 3 }
      expect(report.error).toEqual(code === 0 ? undefined : error)
    },
  )
})

test.concurrent('image try is refused where the loopback is down', async () => {
  const { code, stderr } = await run(tryOf(at('good.raw')), { by: ['unshare', '--map-root-user', '--net'] })
  expect(stderr).toBe(
    'Error: QEMU, which runs virtual machines, needs the loopback interface, which is down\nHint: Bring it up with: ip link set lo up\n',
  )
  expect(code).toBe(6)
})

describe.concurrent('image try that is ended', TEST, () => {
  /** Starts it, and waits for a step. */
  async function started(step: string) {
    const temporary = newTemporary()
    const child = spawn(PROGRAM, tryOf('wmi-good', '--console', at('none')), {
      env: environment({ database, env: { TMPDIR: temporary } }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = once(child, 'close')
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    await vi.waitFor(() => expect(text).toContain(` ${step} `), PATIENCE)
    return { child, ended, temporary }
  }

  test.each([
    ['SIGINT', 'loader', 130],
    ['SIGTERM', 'dhcp', 143],
  ] as const)('by %s after the step %s leaves nothing', async (signal, step, code) => {
    const { child, ended, temporary } = await started(step)
    expect(processesIn(temporary)).not.toEqual([])
    child.kill(signal)
    expect(await ended).toEqual([code, null])
    expect(readdirSync(temporary)).toEqual([])
    expect(processesIn(temporary)).toEqual([])
    expect(existsSync(at('none'))).toBe(false)
  })

  test.each(['loader', 'metadata'])(
    'by SIGKILL after the step %s leaves no process, and the next run removes its folders',
    async (step) => {
      const { child, ended, temporary } = await started(step)
      child.kill('SIGKILL')
      await ended
      await vi.waitFor(() => expect(processesIn(temporary)).toEqual([]), PATIENCE)
      for (const name of readdirSync(temporary)) expect(name).toMatch(/^vdc-manage-guest-\d+-\w+$/)
      const next = await vdcManage(tryOf(at('good.raw')), { env: { TMPDIR: temporary, PATH: withoutQemu } })
      expect(next.code).toBe(6)
      expect(readdirSync(temporary)).toEqual([])
      expect(existsSync(at('none'))).toBe(false)
    },
  )
})
