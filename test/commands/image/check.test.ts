import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHECKS } from '../../../src/guest/checks/index.ts'
import { newFolder } from '../../support/files/images.ts'
import { type Entries, link, newGuest, SYSTEMD, script } from '../../support/guests/guests.ts'
import { FAULTS, READY } from '../../support/guests/guide.ts'
import { inTime } from '../../support/in-time.ts'
import { environment, PROGRAM, vdcManage, vdcManageJson } from '../../support/process/cli.ts'

const GOLDEN = '../../golden/guests'
const TIME_LIMIT = 60_000

let faults: ReturnType<typeof newGuest>
let ready: ReturnType<typeof newGuest>
beforeAll(() => {
  faults = newGuest(FAULTS)
  ready = newGuest(READY)
})
afterAll(() => {
  faults.remove()
  ready.remove()
})

const check = (root: string, ...args: string[]) => vdcManage(['image', 'check', '--root', root, ...args])

describe('the report', () => {
  test('of a guest with all faults', async () => {
    const run = await check(faults.path)
    expect(run.code).toBe(3)
    await expect(`${run.stdout}${run.stderr}`.replaceAll(faults.path, 'ROOT')).toMatchFileSnapshot(
      `${GOLDEN}/faults.txt`,
    )
    // Each check that a folder can decide finds its fault.
    const { guests } = JSON.parse((await check(faults.path, '--json')).stdout)
    const others = guests[0].checks.filter(
      ({ result }: { result: string }) => !['error', 'warning', 'note'].includes(result),
    )
    expect(others.map(({ check }: { check: string }) => check)).toEqual([
      'boot.system',
      'boot.loader',
      'boot.kernel',
      'disk.grow',
    ])
  })

  test('of a guest that is ready', async () => {
    const run = await check(ready.path)
    expect(run.code).toBe(0)
    await expect(`${run.stdout}${run.stderr}`.replaceAll(ready.path, 'ROOT')).toMatchFileSnapshot(`${GOLDEN}/ready.txt`)
    expect((await check(ready.path, '--strict')).code).toBe(0)
  })

  test('as JSON, with the error that determines the exit code', async () => {
    const run = await check(faults.path, '--json')
    expect(run.code).toBe(3)
    const answer = JSON.parse(run.stdout)
    expect(answer).toMatchObject({
      ready: false,
      error: { code: 'GUEST_NOT_READY', exit: 3 },
      guests: [
        {
          guest: faults.path,
          ready: false,
          system: { kind: 'linux', distribution: 'centos', version: '5.5', init: 'sysvinit' },
        },
      ],
    })
    const [{ checks, errors, warnings, notes, unknown }] = answer.guests
    expect(checks.map(({ check }: { check: string }) => check)).toEqual(CHECKS.map(({ id }) => id))
    const count = (result: string) => checks.filter((each: { result: string }) => each.result === result).length
    expect({ errors, warnings, notes, unknown }).toEqual({
      errors: count('error'),
      warnings: count('warning'),
      notes: count('note'),
      unknown: count('unknown'),
    })
    expect(checks.find((each: { check: string }) => each.check === 'net.mac').evidence[0]).toEqual({
      result: 'error',
      message: 'the configuration names the MAC address of a card',
      path: '/etc/sysconfig/network-scripts/ifcfg-eth0',
      line: 4,
      value: 'HWADDR=52:54:00:12:34:56',
    })
    expect(await vdcManageJson(['image', 'check', '--root', ready.path])).toMatchObject({
      ready: true,
      guests: [{ ready: true }],
    })
  })

  test('in the other formats, one row per check', async () => {
    const only = ['--only', 'net.resolv,boot.loader']
    expect((await check(faults.path, ...only, '--format', 'value', '-c', 'check,result')).stdout).toBe(
      'boot.loader\tunknown\nnet.resolv\twarning\n',
    )
    const csv = await check(faults.path, ...only, '--format', 'csv')
    expect(csv.stdout.split('\n')[0]).toBe('guest,check,result,message,evidence,more,remedy')
    const lines = (await check(faults.path, ...only, '--format', 'ndjson')).stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line).check)).toEqual(['boot.loader', 'net.resolv'])
    expect((await check(faults.path, ...only, '--format', 'yaml')).stdout).toMatch(/^ready: true\nguests:\n/)
    const table = await check(faults.path, ...only, '--format', 'table')
    expect(table.stdout).toMatch(/^RESULT +CHECK +MESSAGE +EVIDENCE +REMEDY\nunknown +boot\.loader /)
    expect(table.stdout).toContain('/etc/resolv.conf:2: nameserver 192.168.0.1')
  })
})

describe('options', () => {
  test('--only and --skip take IDs and groups', async () => {
    const ids = async (...args: string[]) =>
      (await check(ready.path, ...args, '--format', 'value', '-c', 'check')).stdout.split('\n').slice(0, -1)
    expect(await ids('--only', 'ssh', '--only', 'id.seed')).toEqual([
      'ssh.hostkeys',
      'ssh.server',
      'ssh.firewall',
      'id.seed',
    ])
    expect(await ids('--only', 'net,ssh', '--skip', 'ssh.server,ssh.firewall,net.mac')).toEqual([
      'net.dhcp',
      'net.resolv',
      'ssh.hostkeys',
    ])
    expect(await ids('--skip', 'secret')).not.toContain('secret.keys')
  })

  test('--strict counts warnings', async () => {
    expect((await check(faults.path, '--only', 'net.resolv')).code).toBe(0)
    const run = await check(faults.path, '--only', 'net.resolv', '--strict')
    expect(run).toMatchObject({
      code: 3,
      stderr: `${faults.path} (CentOS release 5.5 (Final)): not ready: 0 errors, 1 warning, 0 notes, 0 unknown\n`,
    })
  })

  test('what is mistyped is refused, with a suggestion', async () => {
    const run = await check(ready.path, '--only', 'net.dhpc')
    expect(run.code).toBe(3)
    expect(run.stderr).toMatch(
      /^Error: --only 'net\.dhpc' is neither a check nor a group of checks\nHint: Did you mean net\.dhcp\? Groups: boot, net, ssh, /,
    )
    expect((await check(ready.path, '--skip', 'secrets')).stderr).toContain('Did you mean secret? ')
    expect((await check(ready.path, '--only', 'net', '--skip', 'net')).stderr).toBe(
      'Error: --skip leaves no check to run\n',
    )
    expect(await check('/nonexistent')).toMatchObject({
      code: 3,
      stderr: 'Error: The folder /nonexistent does not exist\n',
      stdout: '',
    })
    expect(await vdcManage(['image', 'check'])).toMatchObject({ code: 2 })
  })
})

describe('a hostile guest', () => {
  const host = newFolder()
  beforeAll(() => writeFileSync(join(host.path, 'canary'), 'nameserver 10.6.6.6\n'))
  afterAll(() => host.remove())

  const hostile = (): Entries => ({
    '/etc/os-release': 'ID=x\nPRETTY_NAME="\u001b]0;title\u0007\u001b[31mred"\n',
    '/bin/sh': link('busybox'),
    // Links out of the guest.
    '/etc/passwd': link(`/../..${host.path}/canary`),
    '/etc/shadow': link(`../../../../../../../../../..${host.path}/canary`),
    '/etc/resolv.conf': link(join(host.path, 'canary')),
    '/etc/ssh': link(host.path),
    '/var/log': link('/proc/self/fd'),
    // No files.
    '/etc/fstab': { fifo: true },
    '/etc/machine-id': { size: 2 ** 40 },
    '/etc/network/interfaces': link('/dev/zero'),
    '/etc/rc.local': link('rc.local'),
    '/etc/modules': { folder: true },
  })

  test('ends soon with what is unknown, and no file of the host is opened', async () => {
    const guest = newGuest(hostile())
    const log = join(host.path, 'strace.log')
    const args = ['-f', '-qq', '-y', '-e', 'trace=file,read,readlink', '-o', log]
    const run = await execa('strace', [...args, PROGRAM, 'image', 'check', '--root', guest.path, '--json'], {
      env: environment(),
      extendEnv: false,
      reject: false,
    })
    expect(run.exitCode).toBe(3)
    const results = Object.fromEntries(
      JSON.parse(run.stdout).guests[0].checks.map((each: { check: string; result: string; message: string }) => [
        each.check,
        each,
      ]),
    )
    expect(results).toMatchObject({
      'boot.fstab': { result: 'unknown', message: '/etc/fstab is a FIFO, not a file' },
      'id.machine-id': { result: 'unknown', message: '/etc/machine-id is longer than 1048576 bytes' },
      'init.metadata': { result: 'unknown', message: '/etc/rc.local leads through a loop of links' },
      'net.resolv': { result: 'ok' },
      'secret.passwords': { result: 'unknown', message: '/etc/passwd does not exist' },
      'log.files': { result: 'ok' },
    })
    const calls = readFileSync(log, 'utf8').split('\n')
    // The link's own text may be read, but nothing of the host is found by it.
    const touched = calls.filter((call) => /canary|\/dev\/zero/.test(call) && !/readlink/.test(call))
    expect(touched).toEqual([])
    expect(calls.some((call) => call.includes(guest.path))).toBe(true)
    // What cannot be read is no error, but the guest is not ready. That a disk is missing does not matter.
    const ready = async (...ids: string[]) => (await check(guest.path, '--only', ids.join())).code === 0
    expect(await ready('net.resolv', 'boot.loader', 'disk.grow')).toBe(true)
    expect(await ready('boot.fstab')).toBe(false)
    guest.remove()
  })

  test('is shown escaped at a terminal', async () => {
    const guest = newGuest({ ...SYSTEMD, '/etc/resolv.conf': 'nameserver 10.\u001b[2J\u0007\u009b31m\n' })
    mkdirSync(Buffer.from(`${guest.path}/home/a\u001b[31m\nb/.ssh`), { recursive: true })
    writeFileSync(Buffer.from(`${guest.path}/home/a\u001b[31m\nb/.ssh/authorized_keys`), 'ssh-rsa x\n')
    const run = await check(guest.path)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(`${run.stdout}${run.stderr}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    expect(run.stdout).toContain('/home/a\\u001b[31m\\nb/.ssh/authorized_keys:1: ssh-rsa')
    guest.remove()
  })

  test('has too many names and lines, and endless loops: it ends soon', async () => {
    const guest = newGuest({
      ...SYSTEMD,
      '/etc/passwd': Array.from({ length: 20_000 }, (_, at) => `u${at}:secret:${at}:0::/home/u${at}:\n`).join(''),
      '/etc/network/interfaces': 'source interfaces\nsource /etc/network/interfaces.d/*\n',
      '/etc/network/interfaces.d/a': `source *${'*a'.repeat(2000)}\niface ${'\\\n'.repeat(100_000)}`,
      '/etc/fstab': `${'a '.repeat(500_000)}\n`,
      '/etc/modules': `${' '.repeat(1_000_000)}x\n`,
      '/etc/systemd/system/a.service': `[Service]\nExecStart=${'/etc/x '.repeat(100_000)}\n`,
      '/etc/systemd/system/multi-user.target.wants/a.service': link('../a.service'),
      '/var/log': link('log'),
      // Texts that would take a careless expression or a loop hours.
      '/etc/rc.local': script('dropbear '.repeat(20_000)),
      '/usr/bin/cloud-init': script(''),
      '/etc/cloud/ds-identify.cfg': '\n'.repeat(1_000_000),
      '/etc/systemd/network/a.network': `[Network]\nAddress=${'\\\n'.repeat(300_000)}`,
      '/etc/udev/rules.d/70-persistent-net.rules': 'ATTR{address}=='.repeat(60_000),
      '/usr/sbin/sshd': script(''),
      '/etc/ufw/ufw.conf': 'ENABLED=yes\n',
      '/etc/ufw/user.rules': `${'dport { '.repeat(100_000)}\n`,
      '/boot/grub/grub.cfg': `linux ${'console '.repeat(100_000)}\n${'linux'.repeat(10_000)}`,
    })
    mkdirSync(join(guest.path, 'etc/ssh'), { recursive: true })
    for (let at = 0; at < 10_001; at++) symlinkSync('x', join(guest.path, `etc/ssh/${at}`))
    const run = await inTime(TIME_LIMIT, 'a check', () => check(guest.path, '--json'))
    expect(run.code).toBe(3)
    const { checks } = JSON.parse(run.stdout).guests[0]
    const of = (id: string) => checks.find((each: { check: string }) => each.check === id)
    expect(of('ssh.hostkeys')).toMatchObject({ result: 'unknown', message: '/etc/ssh has more than 10000 names' })
    expect(of('secret.passwords')).toMatchObject({ result: 'warning', more: 980 })
    expect(of('secret.passwords').evidence).toHaveLength(20)
    expect(of('log.files').result).toBe('unknown')
    guest.remove()
  })

  test('nothing is written to the guest', async () => {
    const before = readdirSync(faults.path, { recursive: true }).length
    const { mtimeMs } = await import('node:fs').then(({ statSync }) => statSync(join(faults.path, 'etc')))
    await check(faults.path)
    expect(readdirSync(faults.path, { recursive: true })).toHaveLength(before)
    const { statSync } = await import('node:fs')
    expect(statSync(join(faults.path, 'etc')).mtimeMs).toBe(mtimeMs)
  })
})
