import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtReport } from '../../../src/registry/results/file.ts'
import { checkSummary } from '../../../src/registry/results/guest.ts'
import { allRows, newDatabase } from '../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, shell, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { processesWith } from '../../support/process/processes.ts'
import { newProgramFolder } from '../../support/process/programs.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/*
 * What installs packages needs Debian's mirror and about a minute, and runs in CI only. Each of these builds answers
 * several questions.
 */

const NOBODY = 65534
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGR1bW15ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1t operator@example\n'
/** Moments at which builds are interrupted and killed, in milliseconds. */
const MOMENTS = [100, 8000, 25_000, 45_000]

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const temporary = at('tmp')
mkdirSync(temporary)
const env = { TMPDIR: temporary }
beforeAll(() => {
  writeFileSync(at('key.pub'), `# of an operator\n\n${KEY}`)
  writeFileSync(at('id_ed25519'), '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n')
  writeFileSync(at('empty.pub'), '# nobody\n')
  writeFileSync(at('script'), '#!/bin/sh\nexit 0\n')
  writeFileSync(at('plain'), 'exit 0\n')
  writeFileSync(at('large'), `#!/bin/sh\n${'#'.repeat(2 ** 20)}`)
})
afterAll(() => folder.remove())

const build = (...args: string[]) => vdcManage(['image', 'build', ...args], { env })

describe('image build', () => {
  test('refuses before it installs anything, and writes nothing', async () => {
    const out = at('out.qcow2')
    const there = await makeImage(at('there.qcow2'))
    const suite = ['--suite', 'bookworm']
    const refusals: [args: string[], code: number, stderr: RegExp][] = [
      [[out], 2, /Missing option --suite/],
      [[there, ...suite], 5, /there\.qcow2 already exists/],
      [[at('none/out.qcow2'), ...suite], 6, /its folder does not exist/],
      [[at('out.raw'), ...suite], 3, /out\.raw ends in \.raw, but its format would be qcow2/],
      [[at('out.raw'), ...suite, '--to', 'raw', '--compress'], 3, /raw cannot be compressed/],
      [[out, ...suite, '--to', 'vmdk'], 3, /--to must be one of: qcow2, raw/],
      [[out, '--suite', '-oops'], 3, /--suite must be the name of a release, such as bookworm/],
      [[out, '--suite', 'a b'], 3, /--suite must be the name of a release/],
      [[out, ...suite, '--mirror', 'http://user:secret@localhost/debian'], 3, /--mirror must be an http or https URL/],
      [[out, ...suite, '--mirror', 'file:///srv'], 3, /--mirror must be an http or https URL without a password/],
      [[out, ...suite, '--mirror', 'http://localhost/a b'], 3, /--mirror must be an http or https URL/],
      [[out, ...suite, '--package', 'less,--force'], 3, /--package\S* must be the name of a package/],
      [[out, ...suite, '--package', 'openssh-server-'], 3, /--package must be the name of a package/],
      [[out, ...suite, '--kernel', '?all'], 3, /--kernel must be the name of a package/],
      [[out, ...suite, '--hostname', 'a_b'], 3, /--hostname must be a host name/],
      [[out, ...suite, '--init', 'none'], 3, /--init must be one of: script, cloud-init/],
      [[out, ...suite, '--size', '100M'], 3, /--size must be whole MiB, from 512M to 2047G/],
      [[out, ...suite, '--size', '3T'], 3, /--size must be whole MiB, from 512M to 2047G/],
      [[out, ...suite, '--size', '1000000000'], 3, /--size must be whole MiB/],
      [[out, ...suite, '--timestamp', '0'], 3, /--timestamp must be a whole number from 1 to/],
      [[out, ...suite, '--timeout', '0'], 3, /--timeout must be a whole number from 1 to/],
      [[out, ...suite, '--authorized-key', at('none')], 3, /none does not exist/],
      [[out, ...suite, '--authorized-key', at('id_ed25519')], 3, /id_ed25519 has no public key in line 1\nHint: /],
      [[out, ...suite, '--authorized-key', at('empty.pub')], 3, /empty\.pub has no public key\n/],
      [[out, ...suite, '--script', at('plain')], 3, /plain does not name its interpreter\nHint: .*#!\/bin\/sh/],
      [[out, ...suite, '--script', at('large')], 3, /large has more than 1048576 bytes/],
      [[out, ...suite, '--script', folder.path], 3, /is a folder/],
      [[out, ...suite, '--register'], 2, /--account-id/],
      [[out, ...suite, '--display-name', 'x'], 2, /--register/],
    ]
    const files = readdirSync(folder.path)
    for (const [args, code, stderr] of refusals)
      expect(await build(...args), args.join(' ')).toMatchObject({
        code,
        stdout: '',
        stderr: expect.stringMatching(stderr),
      })
    expect(readdirSync(folder.path)).toEqual(files)
    expect(readdirSync(temporary)).toEqual([])
  })

  test('names the packages of missing programs', async () => {
    const bin = newProgramFolder(at('bin'))
    const run = await vdcManage(['image', 'build', at('no.qcow2'), '--suite', 'bookworm'], {
      env: { ...env, PATH: bin },
    })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(
      /^Error: Images cannot be built: mmdebstrap, .*grub-mkimage, unshare.* are not installed\nHint: Install with: apt-get install --no-install-recommends mmdebstrap .*grub-common util-linux/,
    )
    expect(existsSync(at('no.qcow2'))).toBe(false)
  })

  test.runIf(process.getuid?.() === 0)('refuses a temporary folder without enough space', async () => {
    const small = mkdtempSync(at('small-'))
    const line = `mount -t tmpfs -o size=700m none ${small} && TMPDIR=${small} vdc-manage image build ${at('no.qcow2')} --suite bookworm`
    expect(await shell(`unshare -m sh -c '${line}'`)).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringMatching(
        /^Error: .*small-.* cannot be written: no space is left\nHint: Set TMPDIR .*1\.5 GiB/,
      ),
    })
    expect(existsSync(at('no.qcow2'))).toBe(false)
    rmSync(small, { recursive: true })
  })

  test('refuses a temporary folder whose name apt cannot read', async () => {
    for (const name of ['a"b', 'a\nb']) {
      mkdirSync(at(name))
      const run = await vdcManage(['image', 'build', at('no.qcow2'), '--suite', 'bookworm', '--timeout', '1'], {
        env: { TMPDIR: at(name) },
      })
      expect(run).toMatchObject({
        code: 6,
        stdout: '',
        stderr: expect.stringMatching(/^Error: apt cannot use the temporary folder .*\nHint: Set TMPDIR /),
      })
      expect(readdirSync(at(name))).toEqual([])
    }
  })

  test('names the keys that may be missing if the mirror is not signed by a known one', async () => {
    const release =
      'Suite: noble\nArchitectures: amd64\nComponents: main universe\nDate: Thu, 25 Apr 2024 15:10:33 UTC\nMD5Sum:\n'
    const server = createServer(({ url }, answer) => {
      answer.statusCode = url === '/dists/noble/Release' ? 200 : 404
      answer.end(answer.statusCode === 200 ? release : '')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const run = await vdcManage(['image', 'build', at('no.qcow2'), '--suite', 'noble', '--mirror', mirror], {
      env: { ...env, no_proxy: '127.0.0.1' },
    })
    server.close()
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(/^Error: mmdebstrap cannot install noble: .* is not signed.*\nHint: .*ubuntu-keyring/)
    expect(existsSync(at('no.qcow2'))).toBe(false)
    expect(readdirSync(temporary)).toEqual([])
  })

  test('checks the registration before the build, and shows it in a dry run', async () => {
    const database = await newDatabase('sqlite')
    const args = ['image', 'build', at('dry.qcow2'), '--suite', 'bookworm', '--register', '--account-id', 'a-team']
    expect(await vdcManage(args, { database, env })).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^Error: Account a-team does not exist\n/),
    })
    // The limit ends a build that starts all the same.
    const create = [...args.slice(0, -1), 'a team', '--create-account', '--timeout', '1']
    expect(await vdcManage(create, { database, env })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^Error: 'a team' is not a valid account ID\n/),
    })
    await vdcManage(['account', 'add', '--uuid', 'a-off'], { database })
    await vdcManage(['account', 'modify', 'a-off', '--disable'], { database })
    const disabled = [...args.slice(0, -1), 'a-off', '--create-account', '--timeout', '1']
    expect(await vdcManage(disabled, { database, env })).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^Error: Account a-off is disabled\n/),
    })
    const before = await allRows(database)
    const changes = await vdcManageJson([...args, '--create-account', '-n'], { database, env })
    expect(changes).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ action: 'create', path: at('dry.qcow2'), file_format: 'qcow2' }),
        expect.objectContaining({ action: 'insert', table: 'images' }),
      ]),
    )
    expect(await allRows(database)).toEqual(before)
    expect(existsSync(at('dry.qcow2'))).toBe(false)
    expect(readdirSync(temporary)).toEqual([])
    await database.remove()
  })
})

describe.runIf(IS_THOROUGH)('image build of bookworm', { timeout: 1_200_000 }, () => {
  const timestamp = ['--timestamp', '1700000000']
  const first = at('first.qcow2')

  test('is ready, and registered and listed', async () => {
    const database = await newDatabase('sqlite')
    const started = Date.now()
    const args = ['image', 'build', first, '--suite', 'bookworm', ...timestamp, '--register', '--account-id', 'a-team']
    const report = builtReport.parse(await vdcManageJson([...args, '--create-account'], { database, env }))
    const [seconds, size] = [Math.round((Date.now() - started) / 1000), statSync(first).size]
    process.stderr.write(`image build: ${seconds} s, ${Math.round(size / 2 ** 20)} MiB\n`)
    expect(size).toBeLessThan(600 * 2 ** 20)
    expect(report).toMatchObject({ path: first, file_format: 'qcow2', virtual_size: 4 * 2 ** 30, acceptable: true })
    expect(report.guest).toMatchObject({ ready: true, errors: 0, warnings: 0, unknown: 0 })
    expect((await vdcManage(['image', 'list', '--quiet'], { database })).stdout).toBe(`${report.id}\n`)
    const ready = ['image', 'list', '--label', 'vdc-manage.check.result=ready', '--quiet']
    expect((await vdcManage(ready, { database })).stdout).toBe(`${report.id}\n`)
    expect(readdirSync(temporary)).toEqual([])
    expect(processesWith(temporary)).toEqual([])

    // What was found in its files before there was a disk is what libguestfs finds on the disk.
    const { guests } = checkSummary.parse(await vdcManageJson(['image', 'check', first, '--accel', 'tcg']))
    expect(guests[0]).toEqual(report.guest)
    await database.remove()
  })

  test('has nothing of this host', async () => {
    const read = await reader(first)
    expect(await read('/etc/apt/sources.list')).toBe(
      `deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://security.debian.org/debian-security bookworm-security main`,
    )
    expect((await read('/etc/hosts')).split('\n')[0]).toBe('127.0.0.1\tlocalhost')
    expect(await read('/etc/hostname')).toBe('bookworm')
    expect(await read('/etc/resolv.conf', 'stat')).toContain(
      'Fast link dest: "../run/systemd/resolve/stub-resolv.conf"',
    )
    expect(await read('/etc/apt/apt.conf.d', 'ls -p')).not.toMatch(/proxy/i)
    expect(await read('/root', 'ls -p')).not.toContain('.ssh/authorized_keys')
    expect(await read('/', 'ls -p')).not.toContain('vdc-manage')
    rmSync(at('disk.raw'))
  })

  test('is the same again, also for an ordinary user', async () => {
    const second = at('second.qcow2')
    expect(await build(second, '--suite', 'bookworm', ...timestamp)).toMatchObject({ code: 0, stdout: `${second}\n` })
    expect(hashOf(second, 'sha256')).toBe(hashOf(first, 'sha256'))
    rmSync(second)
    const out = join(await newUserFolder(), 'user.qcow2')
    const run = await asUser([PROGRAM, 'image', 'build', out, '--suite', 'bookworm', ...timestamp])
    expect(run).toMatchObject({ exitCode: 0, stdout: out })
    expect(hashOf(out, 'sha256')).toBe(hashOf(first, 'sha256'))
    expect(readdirSync(join(out, '../tmp'))).toEqual([])
    rmSync(dirname(out), { recursive: true })
  })

  test('is refused for an ordinary user without other user IDs', async () => {
    const out = join(await newUserFolder(), 'user.qcow2')
    const run = await asUser([PROGRAM, 'image', 'build', out, '--suite', 'bookworm'], '')
    expect(run).toMatchObject({ exitCode: 6, stdout: '' })
    expect(run.stderr).toMatch(/^Error: Images cannot be built: .*\/etc\/subuid.*\nHint: .*usermod --add-subuids /)
    expect(existsSync(out)).toBe(false)
    expect(readdirSync(join(out, '../tmp'))).toEqual([])
    rmSync(dirname(out), { recursive: true })
  })

  test('has what is asked for', async () => {
    writeFileSync(
      at('set-up.sh'),
      `#!/bin/bash
set -e
env | sort >/srv/environment
apt-get install --yes --no-install-recommends less
test "$(id -u)" = 0
sleep 98765 &
echo "built $(hostname)" >/srv/built
`,
    )
    const out = at('custom.raw')
    const custom = [
      '--package',
      'vim-tiny',
      '--hostname',
      'template',
      '--init',
      'cloud-init',
      '--to',
      'raw',
      '--size',
      '2G',
    ]
    const files = ['--script', at('set-up.sh'), '--authorized-key', at('key.pub')]
    const run = await vdcManage(['image', 'build', out, '--suite', 'bookworm', ...custom, ...files, '--json'], {
      env: { ...env, NO_PROXY: 'example.invalid', SECRET: 'must not leak' },
    })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const { guest, virtual_size } = builtReport.parse(JSON.parse(run.stdout))
    expect(guest).toMatchObject({ ready: true, errors: 0, warnings: 0 })
    expect(virtual_size).toBe(2 * 2 ** 30)
    const read = await reader(out)
    expect(await read('/root/.ssh/authorized_keys')).toBe(KEY.trim())
    expect(await read('/srv/built')).toBe('built template')
    expect(await read('/srv/environment')).not.toContain('must not leak')
    expect(await read('/etc/hostname')).toBe('template')
    for (const program of ['/usr/bin/less', '/usr/bin/vim.tiny', '/usr/bin/cloud-init'])
      expect(await read(program, 'stat'), program).toContain('Type: regular')
    expect(processesWith('sleep', '98765')).toEqual([])
    rmSync(out)
  })

  test('says why it failed, and leaves nothing', async () => {
    writeFileSync(at('fails.sh'), '#!/bin/sh\necho "no such luck" >&2\nexit 3\n')
    const failures: [args: string[], code: number, stderr: RegExp][] = [
      [['bookwurm'], 6, /^Error: mmdebstrap cannot install bookwurm: .*\nHint: Check the names of the suite/],
      [['bookworm', '--package', 'no-such-package'], 6, /^Error: .*Unable to locate package no-such-package\n/],
      [['bookworm', '--mirror', 'http://127.0.0.1:9/'], 6, /^Error: .*127\.0\.0\.1.*refused/],
      [['bookworm', '--timeout', '1'], 6, /^Error: Installing the packages takes longer than 1 s\nHint: .*--timeout\n/],
      [['bookworm', '--script', at('fails.sh')], 6, /script fails\.sh failed .* exit code 3: no such luck\n/],
    ]
    const ours = mkdtempSync(at('out-'))
    for (const [args, code, stderr] of failures)
      expect(await build(join(ours, 'x.qcow2'), '--suite', ...args), args.join(' ')).toMatchObject({
        code,
        stdout: '',
        stderr: expect.stringMatching(stderr),
      })
    expect(readdirSync(ours)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  })

  test.each(['SIGINT', 'SIGKILL'] as const)('%s at any moment leaves nothing', async (signal) => {
    const ours = mkdtempSync(at('out-'))
    // If it is killed while it makes the disk, outside of any namespace, its folder is left to the next run.
    const isLeft = (moment: number) => signal === 'SIGKILL' && moment > 8000
    const ends = [...MOMENTS.map((moment) => [signal, moment] as const), ['SIGINT', 7000] as const]
    for (const [end, moment] of ends) {
      const out = join(ours, 'x.qcow2')
      const running = spawn(PROGRAM, ['image', 'build', out, '--suite', 'bookworm'], {
        env: environment({ env }),
        stdio: 'ignore',
      })
      const ended = once(running, 'close')
      await Promise.race([sleep(moment), ended])
      running.kill(end)
      const [code, by] = await ended
      await expect.poll(() => processesWith(temporary)).toEqual([])
      if (!isLeft(moment)) await expect.poll(() => readdirSync(temporary)).toEqual([])
      if (!existsSync(out)) expect(code ?? by).toBeOneOf(end === 'SIGINT' ? [130, 'SIGINT'] : ['SIGKILL'])
      rmSync(out, { force: true })
    }
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(temporary)
  })

  test('boots as two instances that differ', async () => {
    expect(await unusualSteps(first, '--twice')).toEqual([])
  })

  test('and trixie boots, too', async () => {
    const out = at('trixie.qcow2')
    expect(await build(out, '--suite', 'trixie')).toMatchObject({ code: 0 })
    expect(await unusualSteps(out)).toEqual([])
    rmSync(out)
  })
})

/** Boots an image as an instance, and returns the steps that are not ok. */
async function unusualSteps(image: string, ...options: string[]): Promise<object[]> {
  const { steps } = await vdcManageJson(['image', 'try', image, '--accel', 'tcg', ...options], { env })
  return steps.filter(({ result }: { result: string }) => result !== 'ok')
}

/** Returns a function that asks debugfs(8) about a file of an image, by default for its contents. */
async function reader(image: string): Promise<(path: string, command?: string) => Promise<string>> {
  const raw = image.endsWith('.raw') ? image : at('disk.raw')
  if (raw !== image) await execa('qemu-img', ['convert', '-O', 'raw', image, raw])
  return async (path, command = 'cat') => {
    const { stdout } = await execa('debugfs', ['-R', `${command} ${path}`, `${raw}?offset=${2 ** 20}`])
    return stdout.trim()
  }
}

/** Makes a folder that only an ordinary user can write to. */
async function newUserFolder(): Promise<string> {
  const path = mkdtempSync('/tmp/vdc-manage-user-')
  mkdirSync(join(path, 'tmp'))
  for (const each of [path, join(path, 'tmp')]) chownSync(each, NOBODY, NOBODY)
  chmodSync(path, 0o755)
  return path
}

/** Runs a program as an ordinary user, who has user IDs of their own in this run only. */
async function asUser([program = '', ...args]: string[], subIds = 'nobody:200000:65536\n') {
  const ids = at('subid')
  writeFileSync(ids, subIds)
  const script =
    'mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid && shift && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
  const out = args.find((arg) => arg.endsWith('.qcow2')) as string
  return execa('unshare', ['--mount', 'sh', '-c', script, 'sh', ids, program, ...args], {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: '/nonexistent',
      TMPDIR: join(out, '../tmp'),
      XDG_STATE_HOME: join(out, '../state'),
    },
    extendEnv: false,
    reject: false,
  })
}
