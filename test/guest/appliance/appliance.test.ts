import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { IS_ROOT } from '../../support/attacker.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { makeExt4Disk } from '../../support/guests/disks.ts'
import { newGuest } from '../../support/guests/guests.ts'
import { FAULTS } from '../../support/guests/guide.ts'
import { environment, PROGRAM, type Run, vdcManage } from '../../support/process/cli.ts'
import { processesWith } from '../../support/process/processes.ts'
import { newProgramFolder } from '../../support/process/programs.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/*
 * libguestfs takes about 30 s under emulation, so few tests start it, with several questions each.
 */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const temporary = at('tmp')
mkdirSync(temporary)
const env = { TMPDIR: temporary }
const withoutLibguestfs = newProgramFolder(at('bin'))
let guest: ReturnType<typeof newGuest>
beforeAll(async () => {
  guest = newGuest(FAULTS)
  await makeExt4Disk(at('faults.raw'), guest.path)
})
afterAll(() => {
  guest.remove()
  folder.remove()
})

interface Report {
  guest: string
  check: string
  result: string
}
const resultsOf = (reports: readonly Report[]) => reports.map(({ check, result }) => `${check}: ${result}`)

/** Checks of the disk, which a folder does not have. */
const OF_DISKS = ['boot.loader', 'boot.fstab', 'disk.grow']
const ofFiles = (reports: readonly Report[]) => reports.filter(({ check }) => !OF_DISKS.includes(check))

async function reportsOf(path: string): Promise<Report[]> {
  return reportsIn(await vdcManage(['image', 'check', path, '--accel', 'tcg', '--json'], { env }))
}

function reportsIn(run: Run): Report[] {
  expect(run).toMatchObject({ code: 3, stderr: expect.stringMatching(/^\S+(?: \(.*\))?: not ready: .*\n$/) })
  return JSON.parse(run.stdout).guests[0].checks
}

describe('image check of a disk', () => {
  test.runIf(IS_THOROUGH)('reports what it reports of the same guest in a folder, and the disk', async () => {
    const inFolder = reportsIn(await vdcManage(['image', 'check', '--root', guest.path, '--json']))
    const reports = await reportsOf(at('faults.raw'))
    expect(ofFiles(reports)).toEqual(ofFiles(inFolder.map((report) => ({ ...report, guest: at('faults.raw') }))))
    expect(resultsOf(reports)).toEqual(expect.arrayContaining(['boot.loader: ok', 'boot.fstab: error']))
    expect(readdirSync(temporary)).toEqual([])
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s ends the virtual machine, too', async (signal) => {
    const disk = at('faults.raw')
    const running = spawn(PROGRAM, ['image', 'check', disk, '--accel', 'tcg'], {
      env: environment({ env }),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    running.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    await expect.poll(() => processesWith(temporary).length).toBeGreaterThan(0)
    const ended = once(running, 'close')
    running.kill(signal)
    const [code, by] = await ended
    if (signal === 'SIGKILL') expect(by).toBe('SIGKILL')
    else expect({ code, stderr }).toMatchObject({ code: signal === 'SIGINT' ? 130 : 143 })
    await expect.poll(() => processesWith(temporary)).toEqual([])
    if (signal !== 'SIGKILL') expect(readdirSync(temporary)).toEqual([])
  })

  test('removes the temporary folders of killed processes', async () => {
    const [ours, theirs] = ['vdc-manage-guest-4194305-ours', 'vdc-manage-guest-4194305-theirs']
    for (const name of [ours, theirs]) mkdirSync(join(temporary, name))
    writeFileSync(join(temporary, ours, 'overlay'), '')
    if (IS_ROOT) chownSync(join(temporary, theirs), 65534, 65534)
    symlinkSync(theirs, join(temporary, 'vdc-manage-guest-4194305-link'))
    await vdcManage(['image', 'check', at('faults.raw')], { env: { ...env, PATH: withoutLibguestfs } })
    // Another user could make a folder of this name, and change what is in it while it is being removed.
    const kept = ['vdc-manage-guest-4194305-link', ...(IS_ROOT ? [theirs] : [])]
    expect(readdirSync(temporary).sort()).toEqual(kept)
    for (const name of kept) rmSync(join(temporary, name), { recursive: true })
  })

  test('needs a folder for temporary files', async () => {
    const run = await vdcManage(['image', 'check', at('faults.raw')], { env: { TMPDIR: at('none') } })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toBe(
      `Error: No temporary folder can be created in ${at('none')}: no such file or directory (ENOENT)\nHint: Set TMPDIR to a folder with enough space\n`,
    )
  })

  test('without libguestfs says how to install it, and exits with 6', async () => {
    const run = await vdcManage(['image', 'check', at('faults.raw')], { env: { ...env, PATH: withoutLibguestfs } })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(
      /^Error: libguestfs, which looks into images, is not installed\nHint: Install it with: apt-get install .*libguestfs-tools .*\n$/,
    )
  })

  test('refuses what is no disk image, a packed one, and a folder beside disks', async () => {
    const packed = at('packed.raw.gz')
    await execa('sh', ['-c', `gzip -c ${await makeImage(at('plain.raw'))} > ${packed}`])
    expect(await vdcManage(['image', 'check', packed], { env })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/is packed \(gz\).*\nHint: Unpack it with: vdc-manage image convert /),
    })
    expect(await vdcManage(['image', 'check', at('none.raw')], { env })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/none\.raw does not exist/),
    })
    expect(await vdcManage(['image', 'check', packed, '--root', folder.path], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Error: Disk images cannot be checked together with --root\nHint: /),
    })
    expect(await vdcManage(['image', 'check'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Error: No disk image is named\nHint: /),
    })
  })
})
