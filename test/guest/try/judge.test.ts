import { describe, expect, test } from 'vitest'
import type { EndEvent, GuestEvent, Moment } from '../../../src/guest/try/event.ts'
import { compareIdentities, Judge } from '../../../src/guest/try/judge.ts'
import type { StepName } from '../../../src/guest/try/step.ts'
import { STEPS } from '../../../src/guest/try/step.ts'
import { randomNumbers } from '../../support/guests/try/mutations.ts'
import { some } from '../../support/thorough.ts'

const PATIENCE = 90_000
const instance = {
  id: 'i-abc12345',
  imageId: 'wmi-abc12345',
  hostName: 'web1',
  instanceType: 'is-small',
  state: 'running',
  availabilityZone: 'default',
  cpuCores: 1,
  memorySize: 512,
  publicKeys: [],
  userData: undefined,
  interfaces: [],
}
const newJudge = (ssh = true) => new Judge({ instance, ssh, patience: PATIENCE })

const line = (text: string, at: Moment = 1): GuestEvent => ({ at, kind: 'console', line: text })
const asks = (path: string, status = 200, at: Moment = 1): GuestEvent => {
  const who = { client: 'curl/7.88.1', address: undefined, instanceId: 'i-abc12345' }
  return { at, kind: 'metadata', request: { method: 'GET', path, status, ...who } }
}
const dhcp = (message: 'discover' | 'ack', more: object = {}): GuestEvent => {
  const names = { hostName: undefined, vendor: undefined }
  return { at: 1, kind: 'dhcp', message, address: message === 'ack' ? '172.16.0.10' : undefined, ...names, ...more }
}
const foreign = (address: string): GuestEvent => ({ at: 1, kind: 'foreign-address', address, protocol: 'arp' })
const sshd = (hostKeys: Record<string, string> = { 'ssh-rsa': 'SHA256:b', 'ssh-ed25519': 'SHA256:a' }): GuestEvent => ({
  at: 1,
  kind: 'ssh',
  banner: 'SSH-2.0-OpenSSH_9.2p1',
  hostKeys,
})
const login = (user?: string, hostName = 'web1'): GuestEvent => ({
  at: 1,
  kind: 'login',
  user,
  hostName: user && hostName,
  machineId: user && '0'.repeat(32),
})
const end = (how: EndEvent['how']): GuestEvent => ({ at: 9, kind: 'end', how })

const BOOT = [
  'Booting from Hard Disk...',
  'GRUB loading...',
  '[    0.000000] Linux version 6.1.0-18-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12)',
].map((each) => line(each))
const GOOD = [
  ...[...BOOT, line('Welcome to Debian GNU/Linux 12 (bookworm)!')],
  ...[dhcp('discover', { vendor: 'udhcp 1.35.0', hostName: 'micro' }), dhcp('ack')],
  ...[asks('/latest/meta-data/instance-id'), asks('/latest/meta-data/local-hostname')],
  ...[asks('/latest/meta-data/public-keys'), asks('/latest/user-data', 404)],
  ...[line('web1 login:'), sshd(), login('root')],
]

/** What is known in the end of a guest that did these things. */
function judged(events: readonly GuestEvent[], ssh = true): Record<StepName, string> {
  const judge = newJudge(ssh)
  for (const event of events) judge.take(event)
  const steps = judge.steps().map(({ step, result, message }) => [step, `${result}: ${message}`])
  return Object.fromEntries(steps)
}

function passes(events: readonly GuestEvent[]): boolean {
  const judge = newJudge()
  for (const event of events) judge.take(event)
  return judge.passes()
}

describe('the steps of a good guest', () => {
  test('are all ok, in order', () => {
    expect(judged([...GOOD, end('powered-off')])).toEqual({
      loader: 'ok: GRUB',
      kernel: 'ok: Linux 6.1.0-18-cloud-amd64',
      system: 'ok: login prompt of web1',
      dhcp: 'ok: 172.16.0.10 for udhcp 1.35.0 (host name micro)',
      address: 'ok: no packets from other addresses',
      metadata: 'ok: 4 requests by curl/7.88.1: instance-id, local-hostname, public-keys',
      'user-data': 'ok: asked for; the instance has none',
      'host-name': 'ok: web1',
      ssh: 'ok: OpenSSH_9.2p1, ssh-ed25519 SHA256:a',
      login: 'ok: as root',
      'power-off': 'ok: on request',
    })
    expect(Object.keys(judged([]))).toEqual(STEPS.slice(0, 11))
    expect(passes(GOOD)).toBe(true)
  })

  test('are told once each, when they are decided', () => {
    const judge = newJudge()
    const told = GOOD.flatMap((event) => judge.take(event).map(({ step }) => step))
    expect(told).toEqual([
      ...['loader', 'kernel', 'system', 'dhcp', 'address', 'metadata', 'user-data', 'host-name', 'ssh', 'login'],
    ])
    expect(GOOD.flatMap((event) => judge.take(event))).toEqual([])
  })

  test('need no serial console', () => {
    const silent = GOOD.filter(({ kind }) => kind !== 'console')
    expect(passes(silent)).toBe(true)
    expect(judged(silent)).toMatchObject({
      loader: 'ok: not on the console, but it started a kernel',
      kernel: 'ok: not on the console, but it runs',
      system: 'ok: not on the console, but it uses the network',
    })
  })

  test('need no sshd to pass', () => {
    expect(passes(GOOD.filter(({ kind }) => kind !== 'ssh' && kind !== 'login'))).toBe(true)
    expect(judged(GOOD.slice(0, 5), false)).toMatchObject({ ssh: 'not-seen: not tried', login: 'not-seen: not tried' })
  })
})

describe('a step', () => {
  test.each<[StepName, string, GuestEvent[]]>([
    ['loader', 'ok: GRUB 2.06-13', [line('GRUB loading...'), line('GNU GRUB  version 2.06-13')]],
    ['loader', 'ok: ISOLINUX 6.04', [line('ISOLINUX 6.04 EDD Copyright (C) 1994-2015')]],
    ['loader', 'ok: GRUB', [line('Welcome t'), line('o GRUB!')]],
    ['loader', 'failed: the firmware found no bootable device', [line('No bootable device.')]],
    [
      'loader',
      'failed: the firmware cannot boot the disk: not a bootable disk',
      [line('Boot failed: not a bootable disk')],
    ],
    ['loader', 'failed: the firmware started the disk, and nothing followed', BOOT.slice(0, 1)],
    [
      'loader',
      'failed: GRUB stopped at its rescue prompt: unknown filesystem.',
      [line('error: unknown filesystem.'), line('grub rescue>')],
    ],
    [
      'loader',
      "failed: GRUB: file `/boot/vmlinuz' not found.",
      [line('GRUB loading.'), line("error: file `/boot/vmlinuz' not found.")],
    ],
    ['loader', 'not-seen: nothing on the console', []],
    [
      'kernel',
      'failed: Linux 6.1.0-18-cloud-amd64 panicked: VFS: Unable to mount root fs on unknown-block(0,0)',
      [...BOOT, line('[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)')],
    ],
    [
      'kernel',
      'failed: the kernel panicked: Attempted to kill init!',
      [line('Kernel panic - not syncing: Attempted to kill init!')],
    ],
    ['kernel', 'ok: messages of a kernel', [line('[    0.123456] pci 0000:00: x')]],
    [
      'kernel',
      'failed: Linux 6.1.0-18-cloud-amd64 panicked: Fatal exception',
      [...GOOD, line('Kernel panic - not syncing: Fatal exception')],
    ],
    [
      'system',
      'failed: the system stopped in emergency mode',
      [...BOOT, line('You are in emergency mode. After logging in, type "journalctl -xb" to view')],
    ],
    [
      'system',
      'failed: the initramfs stopped: UUID=1 does not exist.',
      [...BOOT, line('ALERT!  UUID=1 does not exist.  Dropping to a shell!'), line('(initramfs)')],
    ],
    ['system', 'failed: the initramfs stopped at its prompt', [...BOOT, line('dracut:/#')]],
    [
      'system',
      'not-seen: no sign of init or a login prompt; the console ends with: Starting the database ...',
      [...BOOT, line('Starting the database ...')],
    ],
    ['system', 'ok: login prompt of web1', [line('web1 login: [   12.3] random: crng init done')]],
    [
      'system',
      'not-seen: no sign of init or a login prompt; the console ends with: Last login: Mon',
      [line('Last login: Mon')],
    ],
    ['system', 'ok: sysvinit 2.88', [line('INIT: version 2.88 booting')]],
    ['dhcp', 'failed: the guest asked for an address, but did not take one', [dhcp('discover')]],
    ['dhcp', 'not-seen: the guest did not ask for an address', [foreign('10.0.0.1')]],
    [
      'dhcp',
      'not-seen: the guest did not ask for an address',
      [dhcp('discover', { vendor: 'PXEClient:Arch:00000' }), dhcp('ack')],
    ],
    [
      'address',
      'failed: packets from 10.0.0.1, 2001:db8::1, which the guest was not given',
      [...GOOD, foreign('10.0.0.1'), foreign('2001:db8::1')],
    ],
    ['address', 'ok: no packets from other addresses', [...GOOD, foreign('169.254.1.1')]],
    ['address', 'failed: packets from 169.254.1.1, which the guest gave itself without DHCP', [foreign('169.254.1.1')]],
    ['metadata', 'not-seen: the guest did not ask for metadata', BOOT],
    [
      'metadata',
      'not-seen: the guest did not ask for metadata; the system failed to start vdc-metadata.service - Metadata.',
      [line('[FAILED] Failed to start vdc-metadata.service - Metadata.')],
    ],
    [
      'metadata',
      'failed: no answer but 404 for /latest/meta-data/a, 401 for /b',
      [asks('/latest/meta-data/a', 404), asks('/b', 401), asks('/b', 401)],
    ],
    [
      'metadata',
      'failed: 1 request by curl/7.88.1, but none for its host name or keys: instance-id; the script fails: line 5: server: parameter not set',
      [asks('/latest/meta-data/instance-id'), line('/usr/local/sbin/vdc-metadata: line 5: server: parameter not set')],
    ],
    ['metadata', 'ok: 1 request by curl/7.88.1: /latest/metadata.json', [asks('/latest/metadata.json')]],
    [
      'metadata',
      'ok: 1 request by curl/7.88.1: public-keys/0/openssh-key',
      [asks('/latest/api/token'), asks('/2009-04-04/meta-data/public-keys/0/openssh-key')],
    ],
    ['user-data', 'ok: asked for', [asks('/latest/user-data'), asks('/latest/meta-data/user-data', 404)]],
    [
      'user-data',
      'ok: ran, with exit code 0',
      [line('vdc-metadata: running the user-data'), line('vdc-metadata: the user-data ended with exit code 0')],
    ],
    [
      'user-data',
      'failed: ended with exit code 3',
      [asks('/latest/user-data'), line('vdc-metadata: the user-data ended with exit code 3')],
    ],
    ['user-data', 'ok: started; its end was not seen', [line('vdc-metadata: running the user-data')]],
    ['host-name', 'ok: web1', [line('vdc-metadata: host name: web1'), line('micro login:')]],
    ['host-name', 'failed: the login prompt says micro, not web1', [line('micro login:')]],
    ['host-name', 'ok: web1', [line('micro login:'), line('web1 login:')]],
    ['host-name', 'failed: the guest is called micro, not web1', [line('web1 login:'), login('root', 'micro')]],
    ['host-name', 'not-seen: no login prompt, and no session', [dhcp('discover', { hostName: 'web1' })]],
    ['host-name', 'ok: web1', [asks('/latest/meta-data/hostname'), dhcp('discover', { hostName: 'web1' })]],
    ['ssh', 'failed: sshd did not answer', [dhcp('discover'), dhcp('ack')]],
    ['ssh', 'not-seen: not reachable without an address', BOOT],
    ['ssh', 'failed: sshd says: no hostkeys available -- exiting.', [line('sshd: no hostkeys available -- exiting.')]],
    [
      'ssh',
      'failed: the system failed to start ssh.service - OpenBSD Secure Shell server.',
      [line('[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.')],
    ],
    ['ssh', 'failed: OpenSSH_9.2p1 has no host keys', [sshd({})]],
    [
      'login',
      'failed: no user accepts the key of the metadata, and the guest did not ask for public-keys',
      [sshd(), login()],
    ],
    [
      'login',
      'failed: no user accepts the key of the metadata',
      [asks('/latest/meta-data/public-keys'), sshd(), login()],
    ],
    ['login', 'ok: as debian', [sshd(), login(), login('debian')]],
    ['login', 'not-seen: sshd did not answer', []],
    ['power-off', 'failed: the guest powered off before it was asked to', [end('by-itself')]],
    ['power-off', 'failed: the guest restarted', [end('reset')]],
    ['power-off', 'failed: the guest did not power off, and was stopped', [...BOOT, end('killed')]],
    ['power-off', 'not-seen: not asked, because no running system was seen', [line('No bootable device.')]],
  ])('%s is %s', (step, expected, events) => {
    expect(judged(events)[step]).toBe(expected)
  })

  test('that was ok can fail later', () => {
    const judge = newJudge()
    for (const event of GOOD) judge.take(event)
    expect(judge.take(foreign('10.0.0.1'))).toMatchObject([{ step: 'address', result: 'failed' }])
    expect(judge.take(line('Kernel panic - not syncing: x'))).toMatchObject([{ step: 'kernel', result: 'failed' }])
    expect(judge.passes()).toBe(false)
  })
})

describe('nothing more is expected', () => {
  const settledAt = (events: readonly GuestEvent[], ssh = true) => {
    const judge = newJudge(ssh)
    for (const event of events) judge.take(event)
    return [0, 1002, 3001, 15_001, 30_001, 90_001].find((now) => judge.isSettled(now))
  }

  test.each<[string, number, GuestEvent[]]>([
    ['after all is known', 3001, GOOD],
    ['while user-data runs', 30_001, [...GOOD, line('vdc-metadata: running the user-data')]],
    ['after a panic', 1002, [...BOOT, line('Kernel panic - not syncing: x')]],
    ['without a loader', 1002, [line('No bootable device.')]],
    ['if nothing follows the firmware', 15_001, BOOT.slice(0, 1)],
    ['in emergency mode', 1002, [...BOOT, line('Welcome to emergency mode!')]],
    ['with a fixed address and a login prompt', 3001, [...BOOT, foreign('10.0.0.1'), line('micro login:')]],
    ['some time after a login prompt', 30_001, [...BOOT, line('micro login:')]],
    ['long after the last sign', 90_001, BOOT],
    ['after the end', 0, [...BOOT, end('reset')]],
    ['while an error of GRUB is followed by a kernel', 90_001, [line('error: no video mode.'), line('grub>'), ...BOOT]],
  ])('%s', (_, moment, events) => {
    expect(settledAt(events)).toBe(moment)
  })

  test('when sshd has said why it does not start', () => {
    const events = GOOD.filter(({ kind }) => kind !== 'ssh' && kind !== 'login')
    expect(settledAt(events)).toBe(30_001)
    expect(settledAt([...events, line('sshd: no hostkeys available -- exiting.')])).toBe(3001)
    expect(settledAt(events, false)).toBe(3001)
  })

  test('of a guest that repeats itself, or that lets no one log in', () => {
    const judge = newJudge()
    for (const event of BOOT) judge.take(event)
    for (let at = 0; at < 100_000; at++) judge.take(line('x', at))
    for (let at = 0; at < 5000; at++) judge.take(asks('/latest', 404, 20_000 + at))
    judge.take({ ...login(), at: 100_000 })
    expect([109_000, 111_000].map((now) => judge.isSettled(now))).toEqual([false, true])
  })

  test('later of a guest that waits for a processor of a busy host', () => {
    const judge = newJudge()
    judge.excuse(4000)
    for (const event of BOOT) judge.take(event)
    for (const total of [4000, 50_000, 84_000]) judge.excuse(total)
    // 80 s of waiting since its last sign, at 0.001 s.
    expect([169_000, 171_000].map((now) => judge.isSettled(now))).toEqual([false, true])
    // What it does now is a sign as ever.
    judge.take(line('x', 171_000))
    expect([260_000, 262_000].map((now) => judge.isSettled(now))).toEqual([false, true])
  })
})

test('two instances must differ in host keys and machine-id', () => {
  const one = { hostKeys: { 'ssh-rsa': 'SHA256:a', 'ssh-ed25519': 'SHA256:b' }, machineId: '1' }
  const results = (second: typeof one | { hostKeys: undefined; machineId: undefined }) =>
    compareIdentities(one, second).map(({ step, result, message }) => `${step} ${result}: ${message}`)
  expect(results({ hostKeys: { 'ssh-rsa': 'SHA256:c', 'ssh-ed25519': 'SHA256:d' }, machineId: '2' })).toEqual([
    'host-keys-differ ok: no common host key',
    'machine-id-differs ok: 1 and 2',
  ])
  expect(results({ hostKeys: { 'ssh-rsa': 'SHA256:c', 'ssh-ed25519': 'SHA256:b' }, machineId: '1' })).toEqual([
    'host-keys-differ failed: both instances have the host key ssh-ed25519 SHA256:b',
    'machine-id-differs failed: both instances have the machine ID 1',
  ])
  expect(results({ hostKeys: undefined, machineId: undefined })).toEqual([
    'host-keys-differ not-seen: sshd did not answer in every boot',
    'machine-id-differs not-seen: not read in every boot',
  ])
})

test('judging takes little time and memory, whatever a guest writes', () => {
  const words =
    'GRUB|error: |Boot failed: |vdc-metadata: |Failed to start |ssh|login:|segfault at |Kernel panic - not syncing: |a[1]: |metadata| cannot be| |[|emergency mode|Welcome to|!|ALERT!  |/vdc-metadata|line 1: '
  const parts = words.split('|')
  const random = randomNumbers(5)
  const judge = newJudge()
  const began = performance.now()
  for (let round = 0; round < some(50_000, 10); round++) {
    const part = () => parts[Math.floor(random() * parts.length)] as string
    const same = part()
    const text = random() < 0.3 ? same.repeat(400) : Array.from({ length: 60 }, part).join('')
    judge.take(line(text.slice(0, 400), round))
    judge.take(asks(`/latest/meta-data/${text}`, 200, round))
  }
  expect(performance.now() - began).toBeLessThan(some(100_000, 10))
  for (const { message } of judge.steps()) expect(message.length).toBeLessThan(3000)
})
