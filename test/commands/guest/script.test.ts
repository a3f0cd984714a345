import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { printedScript, SCRIPT_SYSTEMS } from '../../../src/guest/scripts/printed.ts'
import { IS_ROOT } from '../../support/attacker.ts'
import { newInstance } from '../../support/guests/instance.ts'
import { ROOT, vdcManage } from '../../support/process/cli.ts'

const SCRIPTS = SCRIPT_SYSTEMS.flatMap(([name]) => [
  { name, isForHostKeys: false, script: 'vdc-metadata' },
  { name, isForHostKeys: true, script: 'vdc-hostkeys' },
])
/** Where services are, and the commands that enable them. */
const SERVICES: Readonly<
  Record<string, [path: (name: string) => string, file: (name: string) => string, enable: RegExp]>
> = {
  systemd: [(name) => `/etc/systemd/system/${name}.service`, (name) => `systemd/${name}.service`, /systemctl enable /],
  sysvinit: [(name) => `/etc/init.d/${name}`, (name) => `sysvinit/${name}`, /(?:chkconfig --add|update-rc\.d) /],
  upstart: [(name) => `/etc/init/${name}.conf`, (name) => `upstart/${name}.conf`, /^/],
  openrc: [(name) => `/etc/init.d/${name}`, (name) => `openrc/${name}`, /rc-update add /],
}
const STYLES: Readonly<Record<string, string>> = {
  debian: 'systemd',
  'debian-sysvinit': 'sysvinit',
  ubuntu: 'systemd',
  'ubuntu-upstart': 'upstart',
  centos: 'systemd',
  'centos-6': 'sysvinit',
  'centos-5': 'sysvinit',
  alpine: 'openrc',
}
const ours = (name: string) => readFileSync(join(ROOT, 'guest', name), 'utf8')

test.each(SCRIPTS)('prints $script for $name, which all shells accept', async ({ name, isForHostKeys, script }) => {
  const run = await vdcManage(['guest', 'script', '--for', name, ...(isForHostKeys ? ['--host-keys'] : [])])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  // The built program has the same texts.
  expect(run.stdout).toBe(printedScript(name, { isForHostKeys }))
  // Only the header differs from the script that is installed.
  expect(run.stdout.startsWith('#!/bin/sh\n# For ')).toBe(true)
  expect(run.stdout.endsWith(ours(`${script}.sh`).replace('#!/bin/sh\n', '\n\n'))).toBe(true)
  for (const [shell, ...args] of [['dash'], ['bash', '--posix'], ['busybox', 'ash']] as const)
    await execa(shell, [...args, '-n'], { input: run.stdout })
  const { stdout } = await execa('shellcheck', ['-'], { input: run.stdout, reject: false })
  expect(stdout).toBe('')
})

describe.runIf(IS_ROOT)('the header', () => {
  test.each(SCRIPTS)('of $script for $name says how to install it', async ({ name, isForHostKeys, script }) => {
    const [path, file, enable] = SERVICES[STYLES[name] as string] as (typeof SERVICES)[string]
    const service = path(script)
    const printed = printedScript(name, { isForHostKeys })
    const commands = [...(printed.split('\n\n')[0]?.matchAll(/^# {3}(?!vdc-manage)(.*)$/gm) ?? [])].map(
      ([, command = '']) => command,
    )
    const instance = newInstance({ shell: 'dash', client: 'none' })
    try {
      const tools = ['systemctl', 'chkconfig', 'update-rc.d', 'rc-update'].map((tool) => [
        `/usr/local/bin/${tool}`,
        { text: `#!/bin/sh\necho ${tool} "$@" >/enabled\n`, mode: 0o755 },
      ])
      const folders = ['/etc/systemd/system/x', '/etc/init.d/x', '/etc/init/x'].map((each) => [each, ''])
      instance.reset({ ...Object.fromEntries([...tools, ...folders]), '/FILE': printed })
      const env = { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
      await execa('chroot', [instance.path, '/bin/sh', '-ec', commands.join('\n')], { env, extendEnv: false })
      expect(instance.read(`usr/local/sbin/${script}`)).toBe(printed)
      expect(instance.read(service)).toBe(ours(file(script)))
      expect(instance.has('enabled') ? instance.read('enabled') : '').toMatch(enable)
    } finally {
      instance.remove()
    }
  })
})

test.each([
  [['--for', 'suse'], 3, /^Error: --for must be one of: debian, .*, alpine; not 'suse'\n/],
  [['--for', '\u001b[31m'], 3, /; not '\\u001b\[31m'\n/],
  [[], 2, /^Error: Missing option --for\nHint: /],
  [['--for', 'debian', 'x'], 2, /^Error: /],
])('refuses %j', async (args, code, message) => {
  const run = await vdcManage(['guest', 'script', ...args])
  expect(run).toMatchObject({ code, stdout: '' })
  expect(run.stderr).toMatch(message)
})
