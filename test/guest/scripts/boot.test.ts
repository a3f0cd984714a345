import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { debianGuest } from '../../support/guests/disks/debian.ts'
import { startMetadataServer } from '../../support/guests/metadata-server.ts'
import { bootDisk } from '../../support/guests/running-guest.ts'
import { vdcManage } from '../../support/process/cli.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/** Under emulation, Debian takes one and a half to three and a half minutes on a busy machine. */
const BOOT = 600
const SHUTDOWN = 180
/** Minutes to make the disk, if it is not in the cache, and to prepare, boot and read it. */
const LIMIT = 30 * 60_000

const HOST_NAME = 'web.shpoolxx.vdc.local'
/** Runs as root in the guest. */
const USER_DATA = `#!/bin/sh
echo "on $(hostname)" >>/root/ran
`
/** Files of an instance, which are read from its disk afterwards. */
const FILES = ['/etc/hostname', '/etc/machine-id', '/root/.ssh/authorized_keys', '/root/ran']

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

describe.runIf(IS_THOROUGH)('a prepared Debian 12', () => {
  test('boots, and becomes an instance of its own', { timeout: LIMIT }, async () => {
    const disk = at('debian.qcow2')
    const prepared = await vdcManage(['image', 'prepare', await debianGuest(), disk, '--accel', 'tcg'])
    expect(prepared).toMatchObject({ code: 0, stdout: `${disk}\n` })
    await expectTried(disk)
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'admin@example.com', '-f', at('key')])
    const publicKey = readFileSync(at('key.pub'), 'utf8').trim()

    const server = await startMetadataServer()
    server.metadata = {
      'meta-data/instance-id': 'i-abc12345',
      'meta-data/local-hostname': HOST_NAME,
      'meta-data/public-keys': '0=admin',
      'meta-data/public-keys/0/openssh-key': publicKey,
      'user-data': USER_DATA,
    }
    const guest = await bootDisk(disk, at('console'), server)
    try {
      const hostKey = await guest.hostKey(BOOT)
      const login = (commands: string) => guest.ssh(at('key'), hostKey, commands)
      // What the console shows may be broken up by messages of the kernel and of systemd, and by login prompts.
      await guest.letsIn(at('key'), hostKey, BOOT)
      expect(guest.console()).toMatch(/GRUB/)
      expect(guest.console()).toMatch(/Linux version \d/)
      // Waits for the end of the boot. It would be `degraded`, and the units would be listed, if some had failed.
      const state = 'systemctl is-system-running --wait; systemctl list-units --failed --plain --no-legend'
      expect(await login(state)).toBe('running')
      expect(await login('hostname')).toBe(HOST_NAME)
      expect(await login('cut -d " " -f -2 /etc/ssh/ssh_host_ed25519_key.pub')).toBe(hostKey)
      const log = await login('cat /var/log/vdc-metadata.log')
      expect(log).toContain('setting up instance i-abc12345')
      expect(log).toContain('the user-data ended with exit code 0')
      expect(await login('systemctl is-active ssh vdc-hostkeys vdc-metadata')).toBe('active\nactive\nactive')
      const moments = await login(
        'systemctl show --value -p ExecMainExitTimestampMonotonic vdc-hostkeys; ' +
          'systemctl show --value -p ExecMainStartTimestampMonotonic ssh',
      )
      const [keysMade, sshStarted] = moments.split('\n').map(Number) as [number, number]
      expect(keysMade).toBeGreaterThan(0)
      expect(sshStarted).toBeGreaterThan(keysMade)
      // All that the server has, and nothing else.
      const asked = server.requests.map((path) => path.replace('/latest/', ''))
      expect(new Set(asked)).toEqual(new Set(Object.keys(server.metadata)))
      await login('(sleep 1; poweroff) >/dev/null 2>&1 </dev/null &')
      await guest.ended(SHUTDOWN)
    } finally {
      await guest.stop()
      await server.close()
    }

    const files = await readFiles(disk, FILES)
    expect(files).toMatchObject({
      '/etc/hostname': `${HOST_NAME}\n`,
      '/etc/machine-id': expect.stringMatching(/^[0-9a-f]{32}\n$/),
      '/root/.ssh/authorized_keys': `${publicKey}\n`,
      '/root/ran': `on ${HOST_NAME}\n`,
    })
    // What makes it an instance is what an image must not have.
    const checks = ['ssh.hostkeys', 'id.machine-id', 'secret.keys']
    const checked = await vdcManage(['image', 'check', disk, '--accel', 'tcg', '--only', checks.join(), '--json'])
    expect(checked.code).toBe(3)
    const [report] = JSON.parse(checked.stdout).guests
    expect(report.checks).toMatchObject(checks.map((check) => ({ check, result: 'error' })))
  })
})

/** Boots a disk twice with image try, and expects all of its steps. */
async function expectTried(disk: string): Promise<void> {
  const tried = await vdcManage(['image', 'try', disk, '--twice', '--accel', 'tcg', '--timeout', `${BOOT}`, '--json'])
  const { steps } = JSON.parse(tried.stdout) as { steps: { step: string; result: string; message: string }[] }
  expect(steps.filter(({ result }) => result !== 'ok')).toEqual([])
  expect(steps).toHaveLength(2 * 11 + 2)
  const messages = (name: string) => steps.filter(({ step }) => step === name).map(({ message }) => message)
  expect(messages('login')).toEqual(['as root', 'as root'])
  expect(messages('host-name')).toEqual(['demo1', 'demo12'])
  expect(messages('machine-id-differs')).toEqual([expect.stringMatching(/^[0-9a-f]{32} and [0-9a-f]{32}$/)])
  expect(tried.code).toBe(0)
}

/** Reads files of a disk, in one run of libguestfs. */
async function readFiles(disk: string, paths: readonly string[]): Promise<Record<string, string>> {
  const copyOf = (index: number) => at(`file-${index}`)
  const commands = ['run', 'mount-ro /dev/sda1 /', ...paths.map((path, index) => `download ${path} ${copyOf(index)}`)]
  await execa('guestfish', ['--ro', '--format=qcow2', '-a', disk], {
    input: commands.join('\n'),
    env: { LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  })
  return Object.fromEntries(paths.map((path, index) => [path, readFileSync(copyOf(index), 'utf8')]))
}
