import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { IS_ROOT } from '../../support/attacker.ts'
import { newFolder } from '../../support/files/images.ts'
import { makeExt4Disk } from '../../support/guests/disks.ts'
import { newGuest } from '../../support/guests/guests.ts'
import { READY } from '../../support/guests/guide.ts'
import { damageInodes, makeExt4, makeHostileDisk, makeManyNames } from '../../support/guests/hostile.ts'
import { environment, PROGRAM, vdcManage } from '../../support/process/cli.ts'
import { processesWith } from '../../support/process/processes.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/* Guests that harm who looks at them, and virtual machines that fail. One of these tests starts libguestfs by default. */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const temporary = at('tmp')
mkdirSync(temporary)
const env = { TMPDIR: temporary }
const canary = at('canary')
beforeAll(async () => {
  writeFileSync(canary, 'canary-account:$1$salt$hash:14000:0:99999:7:::\nnameserver 10.11.12.13\n')
  await makeHostileDisk(at('hostile.raw'), canary)
})
afterAll(() => folder.remove())

const checkOf = (name: string) => ['image', 'check', at(name), '--accel', 'tcg']

/** Returns the results of checks by their IDs, such as `unknown`, and their messages. */
function reportsIn(stdout: string): Record<string, string> {
  const reports: { check: string; result: string; message: string }[] = JSON.parse(stdout).guests[0].checks
  return Object.fromEntries(reports.map(({ check, result, message }) => [check, `${result}: ${message}`]))
}

/** Returns the processes of QEMU that have files in the temporary folder. */
const machines = () => processesWith('qemu-system', temporary)

describe('a hostile guest', () => {
  test('leads to no file of the host, and what it hides is unknown', async () => {
    const trace = at('trace')
    const options = ['-f', '-qq', '--seccomp-bpf', '-e', 'trace=%file', '-o', trace]
    const { exitCode, stdout } = await execa('strace', [...options, PROGRAM, ...checkOf('hostile.raw'), '--json'], {
      ...{ env: environment({ env }), extendEnv: false, reject: false },
    })
    expect(exitCode).toBe(3)
    expect(reportsIn(stdout)).toMatchObject({
      'boot.console': 'unknown: /boot/grub/grub.cfg is a device, not a file',
      'net.dhcp': 'unknown: /etc/network/interfaces is a FIFO, not a file',
      'id.machine-id': 'unknown: /etc/machine-id is longer than 1048576 bytes',
      'secret.passwords': 'unknown: /etc/passwd leads through a loop of links',
      'log.files': 'unknown: /dev/sda2 (ext4) cannot be read: it may be damaged',
      'spool.cron': 'unknown: /dev/sda2 (ext4) cannot be read: it may be damaged',
    })
    expect(stdout).not.toMatch(/canary-account|10\.11\.12\.13/)
    const calls = readFileSync(trace, 'latin1').split('\n')
    // What the host resolves is in the trace, so the trace is whole.
    expect(calls.some((call) => call.includes(at('hostile.raw')))).toBe(true)
    expect(calls.filter((call) => call.includes(canary))).toEqual([])
    expect(calls.filter(writesElsewhere)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
    await expect.poll(machines).toEqual([])
    // For root, libguestfs puts its sockets into /tmp, where other tests may put theirs.
    const made = calls.flatMap((call) => /mkdir\w*\(.*"(\/tmp\/libguestfs\w+)"/.exec(call)?.[1] ?? [])
    if (IS_ROOT) expect(made).not.toEqual([])
    expect(made.filter((path) => existsSync(path))).toEqual([])
  }, 900_000)
})

/** Returns true if a line of strace(1) creates, changes or removes a file outside our folders and those of libguestfs. */
function writesElsewhere(call: string): boolean {
  if (!/O_WRONLY|O_RDWR|O_CREAT|(?:unlink|mkdir|rename|chmod|chown|link|truncate)\w*\(/.test(call)) return false
  if (/= -1 E/.test(call) || /readlink/.test(call)) return false
  return !/"(?:\/dev\/|\/proc\/|\/tmp\/libguestfs|\/var\/tmp\/\.guestfs-\d+)|"\/[^"]*\/vdc-manage-guest-/.test(call)
}

describe('a virtual machine', () => {
  test('that takes too long is ended', async () => {
    const run = await vdcManage(checkOf('hostile.raw'), { env: { ...env, VDC_MANAGE_GUEST_TIMEOUT: '1' } })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(
      /^Error: libguestfs, .* cannot be run: the virtual machine took longer than 1 s; VDC_MANAGE_GUEST_TIMEOUT sets its limit\n/,
    )
    expect(readdirSync(temporary)).toEqual([])
    await expect.poll(machines).toEqual([])
  })

  test.each(['0', '-1', '1.5', 'long', ''])('has no time limit of %j', async (limit) => {
    const run = await vdcManage(checkOf('hostile.raw'), { env: { ...env, VDC_MANAGE_GUEST_TIMEOUT: limit } })
    expect(run).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^Error: VDC_MANAGE_GUEST_TIMEOUT '.*' is not a number of seconds\nHint: /),
    })
    expect(readdirSync(temporary)).toEqual([])
  })

  test.runIf(IS_THOROUGH).each([
    ['SIGKILL', '900', /^unknown +spool\.crash .*the virtual machine ended unexpectedly$/m],
    ['SIGSTOP', '60', /^unknown +spool\.crash .*the virtual machine took longer than 60 s/m],
  ] as const)('that gets %s leaves the remaining checks unknown', async (signal, limit, reason) => {
    const guest = newGuest(READY)
    await makeExt4Disk(at('ready.raw'), guest.path)
    guest.remove()
    const running = spawn(PROGRAM, checkOf('ready.raw'), {
      env: environment({ env: { ...env, VDC_MANAGE_GUEST_TIMEOUT: limit } }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    running.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    const closed = once(running, 'close')
    // Its overlay is opened a while before the first check.
    await expect.poll(() => machines().length).toBe(1)
    await expect.poll(() => stdout, { interval: 10 }).toMatch(/boot\.system/)
    for (const pid of machines()) process.kill(pid, signal)
    expect(await closed).toEqual([3, null])
    expect(stdout).toMatch(/^ok +boot\.system /m)
    expect(stdout).toMatch(reason)
    expect(readdirSync(temporary)).toEqual([])
    await expect.poll(machines).toEqual([])
  })
})

/** Runs the program as a user without privileges, in a mount namespace where a folder lies over /boot. */
async function asUser(args: string[], { boot = '/boot', variables = {} } = {}) {
  const script = 'mount --bind "$1" /boot && shift && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
  const home = at('user')
  mkdirSync(home, { recursive: true })
  chownSync(home, 65534, 65534)
  chmodSync(folder.path, 0o755)
  return execa('unshare', ['-m', 'sh', '-c', script, 'sh', boot, PROGRAM, ...args], {
    env: environment({ env: { TMPDIR: home, LIBGUESTFS_CACHEDIR: home, XDG_STATE_HOME: home, ...variables } }),
    ...{ extendEnv: false, reject: false },
  })
}

describe('an ordinary user', () => {
  test('without a readable kernel is told which one, and how to make it readable', async () => {
    const boot = at('boot')
    mkdirSync(boot)
    for (const kernel of readdirSync('/boot').filter((name) => name.startsWith('vmlinuz-'))) {
      copyFileSync(join('/boot', kernel), join(boot, kernel))
      chmodSync(join(boot, kernel), 0o600)
    }
    const run = await asUser(checkOf('hostile.raw'), { boot })
    expect(run).toMatchObject({ exitCode: 6, stdout: '' })
    const [, kernel] =
      /^Error: libguestfs, .* needs a kernel that it may read, and (\S+) is readable only by root\nHint: Run: sudo dpkg-statoverride --update --add root root 0644 \1; or run vdc-manage with sudo$/.exec(
        run.stderr,
      ) ?? []
    expect(kernel).toMatch(/^\/boot\/vmlinuz-/)
    expect(readdirSync(at('user')).filter((name) => !name.startsWith('.guestfs-'))).toEqual([])
    const doctor = await asUser(['doctor'], {
      boot,
      variables: { VDC_MANAGE_DATABASE_URI: `sqlite://${at('user')}/r` },
    })
    expect(doctor).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${kernel} is readable only by root`) })
  })

  test.runIf(IS_THOROUGH)('with a readable kernel gets the same report', async () => {
    const { exitCode, stdout } = await asUser([...checkOf('hostile.raw'), '--json'])
    expect(exitCode).toBe(3)
    expect(reportsIn(stdout)).toMatchObject({ 'net.dhcp': 'unknown: /etc/network/interfaces is a FIFO, not a file' })
  })
})

describe.runIf(IS_THOROUGH)('a disk', () => {
  test('whose only filesystem is damaged is unknown', async () => {
    writeFileSync(at('damaged.raw'), '')
    await makeExt4(at('damaged.raw'), 0, '32M', [])
    await damageInodes(at('damaged.raw'), 0)
    const run = await vdcManage([...checkOf('damaged.raw'), '--json'], { env })
    expect(run.code).toBe(3)
    expect(new Set(Object.values(reportsIn(run.stdout)))).toEqual(
      new Set(['unknown: /dev/sda (ext4) cannot be read: it may be damaged']),
    )
  })

  test('of 128 partitions is read to the last one', async () => {
    const disk = at('partitions.raw')
    const guest = newGuest(READY)
    await makeExt4Disk(at('one.raw'), guest.path)
    guest.remove()
    writeFileSync(disk, '')
    truncateSync(disk, 256 * 2 ** 20)
    const empty = 'size=1MiB\n'.repeat(127)
    await execa('sfdisk', ['-q', disk], { input: `label: gpt\n${empty}size=60MiB\n` })
    const { stdout: start } = await execa('sh', [
      '-c',
      `sfdisk -d ${disk} | sed -n 's/.*raw128 : start= *\\([0-9]*\\).*/\\1/p'`,
    ])
    await execa('dd', [`if=${at('one.raw')}`, `of=${disk}`, 'bs=512', 'skip=2048', `seek=${start}`, 'conv=notrunc'])
    const run = await vdcManage([...checkOf('partitions.raw'), '--json'], { env })
    expect(reportsIn(run.stdout)).toMatchObject({ 'boot.system': expect.stringMatching(/^ok: /) })
    expect(readdirSync(temporary)).toEqual([])
  })

  test('with 200,000 names in /etc is unknown where they matter', async () => {
    await makeManyNames(at('names.raw'), 200_000)
    const run = await vdcManage([...checkOf('names.raw'), '--json'], { env })
    expect(run.code).toBe(3)
    expect(reportsIn(run.stdout)).toMatchObject({
      'boot.system': expect.stringMatching(/^ok: /),
      'net.dhcp': expect.stringMatching(
        /^unknown: \/etc\/network\/interfaces\.d has (?:too many|more than \d+) names$/,
      ),
    })
    expect(readdirSync(temporary)).toEqual([])
  })
})
