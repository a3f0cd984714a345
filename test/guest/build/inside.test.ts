import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { insideCommand } from '../../../src/guest/build/inside/command.ts'
import { type InsideProgram, runInside } from '../../../src/guest/build/inside/run-inside.ts'
import { newFolder } from '../../support/files/images.ts'
import { processesWith } from '../../support/process/processes.ts'
import { newWatcher } from '../../support/process/watcher.ts'

const folder = newFolder()
afterAll(() => folder.remove())

/** Returns a folder for a program to run in. */
function newInside(): string {
  return mkdtempSync(join(folder.path, 'with space-'))
}

const sh = (script: string, more: Partial<InsideProgram> = {}): InsideProgram => ({
  command: ['sh', '-c', script],
  env: { PATH: process.env.PATH ?? '' },
  work: 'The test',
  timeout: 60,
  ...more,
})

describe('a program in its own namespaces', () => {
  test('is root, has descriptors, and returns what it prints and its exit code', async () => {
    const lines: string[] = []
    const ended = await runInside(
      newInside(),
      sh('id -u; echo one >&2; echo "two\\tthree" >&2; readlink /proc/self/fd/3 >/dev/null || exit 9; exit 7', {
        descriptors: [0],
        onLine: (line) => lines.push(line),
      }),
      newWatcher().cancellation,
    )
    expect(ended).toEqual({ stdout: '0\n', lastLines: ['one', 'two\tthree'], exitCode: 7 })
    expect(lines).toEqual(ended.lastLines)
  })

  test('leaves neither processes nor mounts on the host', async () => {
    const ours = newInside()
    const script = 'mkdir "$0/m" && mount -t tmpfs tmpfs "$0/m" || exit; setsid sleep 9876 & echo done'
    const ended = await runInside(ours, { ...sh(''), command: ['sh', '-c', script, ours] }, newWatcher().cancellation)
    expect(ended).toMatchObject({ stdout: 'done\n', exitCode: 0 })
    expect(processesWith('sleep', '9876')).toEqual([])
    expect(readFileSync('/proc/self/mounts', 'utf8').replaceAll('\\040', ' ')).not.toContain(ours)
    expect(existsSync(ours)).toBe(true)
  })

  test.runIf(process.getuid?.() === 0)('has no capabilities with which root would change the host', async () => {
    const { stdout } = await runInside(newInside(), sh('grep CapEff /proc/self/status'), newWatcher().cancellation)
    const capabilities = BigInt(`0x${/^CapEff:\s+(\w+)$/m.exec(stdout)?.[1]}`)
    const [CHOWN, LINUX_IMMUTABLE, SYS_MODULE, SYS_ADMIN, SYS_TIME] = [0n, 9n, 16n, 21n, 25n]
    const has = [CHOWN, LINUX_IMMUTABLE, SYS_MODULE, SYS_ADMIN, SYS_TIME].map(
      (bit) => ((capabilities >> bit) & 1n) === 1n,
    )
    expect(has).toEqual([true, false, false, true, false])
  })

  /** Starts daemons, keeps files open and mounts, and never ends. */
  const STUBBORN =
    'trap "" TERM INT HUP; mkdir "$0/m"; mount -t tmpfs tmpfs "$0/m"; touch "$0/m/x" "$0/begun"; setsid sleep 6789 & while :; do sleep 6789; done'

  test.each([
    ['the cancellation', {}, 'INTERRUPTED Interrupted'],
    ['its time limit', { timeout: 1 }, 'The test takes longer than 1 s'],
    ['its output limit', { command: ['sh', '-c', 'yes'] as [string, ...string[]] }, 'prints more than'],
  ] as const)('is killed at %s, with all that it has started and written', async (why, more, message) => {
    const [ours, watcher] = [newInside(), newWatcher()]
    const program = { ...sh(''), command: ['sh', '-c', STUBBORN, ours] as [string, ...string[]], ...more }
    const ended = runInside(ours, program, watcher.cancellation).then(
      () => 'ended',
      (error) => `${error.code} ${error.message}`,
    )
    if (why === 'the cancellation') {
      await expect.poll(() => existsSync(join(ours, 'begun'))).toBe(true)
      watcher.cancellation.request()
    }
    expect(await ended).toContain(message)
    expect(existsSync(ours)).toBe(false)
    expect(processesWith('sleep', '6789')).toEqual([])
  })

  test('is killed when this program is killed, and its folder is removed', async () => {
    const ours = newInside()
    const [program, ...args] = insideCommand(ours, ['sh', '-c', STUBBORN, ours])
    const code = `require('node:child_process').spawn(process.argv[1], process.argv.slice(2), { stdio: ['pipe', 1, 2], detached: true })`
    const parent = spawn(process.execPath, ['-e', code, program, ...args], { stdio: 'ignore' })
    await expect.poll(() => existsSync(join(ours, 'begun'))).toBe(true)
    parent.kill('SIGKILL')
    await once(parent, 'close')
    await expect.poll(() => existsSync(ours)).toBe(false)
    await expect.poll(() => processesWith(ours)).toEqual([])
    await expect.poll(() => processesWith('sleep', '6789')).toEqual([])
  })

  test('cannot be started if there is no unshare', async () => {
    const ours = newInside()
    mkdirSync(join(ours, 'bin'))
    writeFileSync(join(ours, 'x'), '')
    const program = sh('true', { env: { PATH: join(ours, 'bin') } })
    await expect(runInside(ours, program, newWatcher().cancellation)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringMatching(/^unshare cannot be run: /),
    })
  })
})
