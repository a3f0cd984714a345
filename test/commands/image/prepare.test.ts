import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { preparedReport } from '../../../src/registry/results/file.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { makeExt4Disk } from '../../support/guests/disks.ts'
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
const [MOMENTS, LAST_MOMENT] = IS_THOROUGH ? [20, 30_000] : [2, 8000]
/** Faults of FAULTS that only people can fix. */
const FOR_PEOPLE = ['boot.virtio', 'boot.fstab', 'net.dhcp', 'secret.passwords']

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const temporary = at('tmp')
mkdirSync(temporary)
const env = { TMPDIR: temporary }
beforeAll(async () => {
  const guest = newGuest(FAULTS)
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
    expect((await bytesOf(source)).includes('BEGIN RSA PRIVATE KEY')).toBe(true)
    expect(bytes.includes('BEGIN RSA PRIVATE KEY')).toBe(false)
    await requireClean(bytes)

    const again = await prepare(first, second, '--accel', 'tcg')
    expect(again).toMatchObject({ code: 3, stdout: `${second}\n` })
    expect(again.stderr).toMatch(/not ready: 4 errors, .*\(nothing to do\)\n$/)
    expect((await bytesOf(second)).equals(bytes)).toBe(true)
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(folder.path).sort()).toEqual(['faults.raw', 'first.qcow2', 'second.qcow2', 'tmp'])
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
        await expect.poll(() => processesWith(temporary), { timeout: 20_000 }).toEqual([])
        // At the last moments it may be done.
        if (existsSync(out)) expect([0, 3]).toContain(code)
        else expect(signal === 'SIGINT' ? code : by).toBe(signal === 'SIGINT' ? 130 : 'SIGKILL')
        rmSync(out, { force: true })
      }
      expect(hashOf(source, 'sha256')).toBe(before)
      // The next conversion removes what killed ones left.
      await vdcManage(['image', 'convert', source, join(ours, 'plain.raw'), '--to', 'raw'], { env, reject: true })
      expect(readdirSync(ours)).toEqual(['plain.raw'])
    },
  )

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

/** Requires that e2fsck finds nothing wrong in the partition of a disk. */
async function requireClean(disk: Buffer): Promise<void> {
  const partition = at('partition.raw')
  writeFileSync(partition, disk.subarray(2 ** 20))
  const { exitCode, stdout } = await execa('e2fsck', ['-fn', partition], { reject: false })
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 })
  rmSync(partition)
}
