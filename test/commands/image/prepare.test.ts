import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { preparedReport } from '../../../src/registry/results/file.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { makeBtrfsWithSubvolumes } from '../../support/guests/disks/btrfs.ts'
import { runGuestfish } from '../../support/guests/disks/guestfish.ts'
import { makeExt4Disk, makeXfsOnLvm } from '../../support/guests/disks.ts'
import { newGuest } from '../../support/guests/guests.ts'
import { FAULTS } from '../../support/guests/guide.ts'
import { environment, PROGRAM, vdcManage } from '../../support/process/cli.ts'
import { processesWith } from '../../support/process/processes.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/*
 * libguestfs takes about 30 s under emulation, so few tests let it start, with several questions each. What is
 * edited is tested in test/guest/prepare, on folders.
 */

/** Moments at which preparations are interrupted and killed, and the last one in milliseconds. */
const [MOMENTS, LAST_MOMENT] = IS_THOROUGH ? [20, 30_000] : [2, 4000]
/** Faults of FAULTS that only people can fix. */
const FOR_PEOPLE = ['boot.virtio', 'boot.fstab', 'net.dhcp', 'secret.passwords']

/** Files that must stay as they are, and other names of them that edits empty and replace. */
const OTHER_NAMES = [
  ['etc/profile', 'var/log/profile.log'],
  ['sbin/rescue', 'usr/local/sbin/vdc-hostkeys'],
] as const
/** Parts of files that edits remove or empty. The blocks beside them on the disk stay in use. */
const SECRETS = ['BEGIN RSA PRIVATE KEY', 'operator@builder', 'aws_secret_access_key', 'From root', 'builder kernel']

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const temporary = at('tmp')
mkdirSync(temporary)
const env = { TMPDIR: temporary }
beforeAll(async () => {
  const guest = newGuest(FAULTS)
  // With the same filesystem in two places, what is removed in one would be removed in the other.
  appendFileSync(join(guest.path, 'etc/fstab'), '/dev/sda1 /var/crash ext3 defaults 0 0\n')
  for (const [name, other] of OTHER_NAMES) {
    writeFileSync(join(guest.path, name), `kept ${name}\n`)
    mkdirSync(dirname(join(guest.path, other)), { recursive: true })
    linkSync(join(guest.path, name), join(guest.path, other))
  }
  await makeExt4Disk(at('faults.raw'), guest.path)
  guest.remove()
})
afterAll(() => folder.remove())

/** Returns the raw bytes of a disk. */
async function bytesOf(disk: string): Promise<Buffer> {
  const raw = at('bytes.raw')
  await execa('qemu-img', ['convert', '-O', 'raw', disk, raw])
  const bytes = readFileSync(raw)
  rmSync(raw)
  return bytes
}

const prepare = (...args: string[]) => vdcManage(['image', 'prepare', ...args], { env })

describe('image prepare', () => {
  test('fixes what it can in a copy, and then has nothing to do', async () => {
    const [source, first, second] = [at('faults.raw'), at('first.qcow2'), at('second.qcow2')]
    const before = hashOf(source, 'sha256')
    const run = await prepare(source, first, '--accel', 'tcg', '--json')
    expect(run).toMatchObject({ code: 3, stderr: '' })
    const { path, edits, guest, error } = preparedReport.parse(JSON.parse(run.stdout))
    expect(path).toBe(first)
    expect(edits.length).toBeGreaterThan(20)
    expect(error).toMatchObject({ code: 'GUEST_NOT_READY', message: expect.stringContaining(first) })
    const errors = guest.checks.filter(({ result }: { result: string }) => result === 'error')
    expect(errors.map(({ check }: { check: string }) => check)).toEqual(FOR_PEOPLE)
    expect(hashOf(source, 'sha256')).toBe(before)
    const bytes = await bytesOf(first)
    // Deleted files leave nothing on the disk.
    const inSource = await bytesOf(source)
    expect(SECRETS.filter((secret) => !inSource.includes(secret))).toEqual([])
    expect(SECRETS.filter((secret) => bytes.includes(secret))).toEqual([])
    await withPartition(bytes, async (partition) => {
      expect(await execa('e2fsck', ['-fn', partition], { reject: false })).toMatchObject({ exitCode: 0 })
      for (const [name, other] of OTHER_NAMES) {
        expect(await contentsOf(partition, name)).toBe(`kept ${name}`)
        expect(await contentsOf(partition, other)).not.toContain('kept')
      }
    })

    const again = await prepare(first, second, '--accel', 'tcg')
    expect(again).toMatchObject({ code: 3, stdout: `${second}\n` })
    expect(again.stderr).toMatch(/not ready: 4 errors, .*\(nothing to do\)\n$/)
    expect((await bytesOf(second)).equals(bytes)).toBe(true)
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(folder.path).sort()).toEqual(['faults.raw', 'first.qcow2', 'second.qcow2', 'tmp'])
  })

  test.runIf(IS_THOROUGH)('leaves no deleted file in a raw disk either', async () => {
    const out = at('wiped.raw')
    expect(await prepare(at('faults.raw'), out, '--accel', 'tcg', '--to', 'raw')).toMatchObject({ code: 3 })
    const bytes = readFileSync(out)
    expect(SECRETS.filter((secret) => bytes.includes(secret))).toEqual([])
    rmSync(out)
  })

  const xfs = async (path: string) => {
    const guest = newGuest(FAULTS)
    await makeXfsOnLvm(path, guest.path)
    guest.remove()
  }
  // xfs_repair answers with its exit code; btrfs check fails.
  test.runIf(IS_THOROUGH).each([
    ['XFS on LVM', 'disk.vmdk', xfs, 'xfs-repair /dev/vg-a/root nomodify:true', '0'],
    ['btrfs with subvolumes', 'disk.qcow2', makeBtrfsWithSubvolumes, 'btrfs-fsck /dev/sda1', ''],
  ] as const)('leaves %s without errors', async (_, name, make, command, answer) => {
    const [source, out] = [at(name), at('checked.qcow2')]
    await make(source)
    const run = await prepare(source, out, '--accel', 'tcg', '--json')
    expect(preparedReport.parse(JSON.parse(run.stdout)).edits).not.toEqual([])
    expect(await runGuestfish(out, 'qcow2', [command])).toBe(answer)
    rmSync(source)
    rmSync(out)
  })

  test.each(['SIGINT', 'SIGKILL'] as const)(
    '%s at any moment leaves no file and no virtual machine',
    async (signal) => {
      const [source, ours] = [at('faults.raw'), mkdtempSync(at('out-'))]
      const before = hashOf(source, 'sha256')
      for (let moment = 1; moment <= MOMENTS; moment++) {
        const out = join(ours, `${moment}.qcow2`)
        const running = spawn(PROGRAM, ['image', 'prepare', source, out, '--accel', 'tcg'], {
          env: environment({ env }),
          stdio: 'ignore',
        })
        const ended = once(running, 'close')
        await Promise.race([sleep((moment / MOMENTS) ** 2 * LAST_MOMENT), ended])
        running.kill(signal)
        const [code, by] = await ended
        await expect.poll(() => processesWith(temporary)).toEqual([])
        // At the last moments it may be done.
        if (existsSync(out)) expect([0, 3]).toContain(code)
        // At the first moments it may not have begun.
        else expect(code ?? by).toBeOneOf(signal === 'SIGINT' ? [130, 'SIGINT'] : ['SIGKILL'])
        rmSync(out, { force: true })
      }
      expect(hashOf(source, 'sha256')).toBe(before)
      // The next conversion removes what killed ones left.
      await vdcManage(['image', 'convert', source, join(ours, 'plain.raw'), '--to', 'raw'], { env, reject: true })
      expect(readdirSync(ours)).toEqual(['plain.raw'])
    },
  )

  test.runIf(IS_THOROUGH)('a virtual machine that dies after the edits leaves no file', async () => {
    const ours = mkdtempSync(at('out-'))
    const { running, ended, stderr } = start(at('faults.raw'), join(ours, 'killed.qcow2'))
    const machine = await machineOf(running.pid as number)
    const [work] = readdirSync(ours)
    const made = join(ours, work as string, 'killed.qcow2')
    const before = statSync(made).mtimeMs
    // Nothing is written before the edits.
    await expect.poll(() => statSync(made).mtimeMs, { timeout: 120_000 }).not.toBe(before)
    await sleep(4000)
    process.kill(machine, 'SIGKILL')
    expect(await ended).toEqual([6, null])
    expect(stderr()).toMatch(/^Error: .*the virtual machine ended unexpectedly\n/m)
    expect(readdirSync(ours)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  })

  test.runIf(IS_THOROUGH)('a disk of the host that fills up during the edits is an error at once', async () => {
    const small = at('small')
    mkdirSync(small)
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small])
    try {
      const { running, ended, stderr } = start(at('faults.raw'), join(small, 'full.qcow2'))
      await machineOf(running.pid as number)
      await execa('dd', ['if=/dev/zero', `of=${join(small, 'rest')}`, 'bs=1k'], { reject: false })
      expect(await ended).toEqual([6, null])
      expect(stderr()).toMatch(/^Error: .* (?:in the guest cannot be changed|cannot be written to its disk): .*\n/)
      expect(readdirSync(small)).toEqual(['rest'])
    } finally {
      await expect
        .poll(async () => (await execa('umount', [small], { reject: false })).stderr, { timeout: 60_000 })
        .toBe('')
      rmSync(small, { recursive: true })
    }
  })

  test('refuses before it starts anything, and writes nothing', async () => {
    const [source, out] = [await makeImage(at('plain.raw')), at('out.qcow2')]
    const there = await makeImage(at('there.qcow2'))
    const refusals: [args: string[], code: number, stderr: RegExp][] = [
      [[source, there], 5, /there\.qcow2 already exists/],
      [[at('none.raw'), out], 3, /none\.raw does not exist/],
      [[source, at('out.vmdk')], 3, /out\.vmdk ends in \.vmdk, but its format would be qcow2/],
      [[source, out, '--to', 'vmdk'], 3, /--to must be one of: qcow2, raw/],
      [[source, out, '--nameserver', '300.1.1.1'], 3, /--nameserver must be an IP address/],
      [[source, out, '--only', 'ssh.hostkey'], 3, /'ssh\.hostkey' is neither a check nor a group.*\n.*ssh\.hostkeys/],
      [[source, out, '--skip', 'boot,net,ssh,id,init,mod,secret,log,pkg,dhcp,spool,disk'], 3, /leaves no check/],
    ]
    const files = readdirSync(folder.path)
    for (const [args, code, stderr] of refusals)
      expect(await prepare(...args), args.join(' ')).toMatchObject({
        code,
        stdout: '',
        stderr: expect.stringMatching(stderr),
      })
    expect(readdirSync(folder.path)).toEqual(files)
  })
})

/** Starts to prepare a disk. */
function start(source: string, out: string) {
  const running = spawn(PROGRAM, ['image', 'prepare', source, out, '--accel', 'tcg'], {
    env: environment({ env }),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  running.stderr.setEncoding('utf8').on('data', (part) => {
    text += part
  })
  return { running, ended: once(running, 'close'), stderr: () => text }
}

/** Waits for the virtual machine of a process, and returns its process ID. */
async function machineOf(pid: number): Promise<number> {
  const find = async () => {
    const { stdout } = await execa('ps', ['-eo', 'pid=,ppid=,comm='])
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/))
    const parents = rows.filter(([, parent]) => Number(parent) === pid).map(([each]) => each)
    return Number(rows.find(([, parent, name]) => parents.includes(parent) && name?.startsWith('qemu'))?.[0] ?? 0)
  }
  await expect.poll(find, { timeout: 60_000 }).toBeGreaterThan(0)
  return find()
}

/** Makes a file of the partition of a disk for `work`. */
async function withPartition(disk: Buffer, work: (partition: string) => Promise<void>): Promise<void> {
  const partition = at('partition.raw')
  writeFileSync(partition, disk.subarray(2 ** 20))
  await work(partition)
  rmSync(partition)
}

/** Returns the contents of a file of an ext filesystem, without the last newline. */
async function contentsOf(partition: string, path: string): Promise<string> {
  return (await execa('debugfs', ['-R', `cat "/${path}"`, partition])).stdout
}
