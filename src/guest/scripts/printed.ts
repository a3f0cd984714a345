import {
  type BootScript,
  HOST_KEYS_SCRIPT,
  isExecutableService,
  METADATA_SCRIPT,
  type ServiceStyle,
  servicePath,
} from './services.ts'

/** A system for which a script can be printed. */
interface ScriptSystem {
  /** For people. */
  systems: string
  style: ServiceStyle
  /** Returns the command that starts a service at boot; undefined if its file is enough. */
  enable?(script: BootScript): string
}

const systemctl = ({ name }: BootScript) => `systemctl enable ${name}`
const chkconfig = ({ name }: BootScript) => `chkconfig --add ${name}`
/** The number is for Debian 5, where sshd has 16; later releases ignore it. */
const updateRc = (script: BootScript) => `update-rc.d ${script.name} defaults ${script === METADATA_SCRIPT ? 99 : 15}`

/** The systems for which scripts can be printed, by the name that `--for` takes. */
const SYSTEMS = {
  debian: { systems: 'Debian from 8', style: 'systemd', enable: systemctl },
  'debian-sysvinit': { systems: 'Debian up to 7, and later with sysvinit', style: 'sysvinit', enable: updateRc },
  ubuntu: { systems: 'Ubuntu from 15.04', style: 'systemd', enable: systemctl },
  'ubuntu-upstart': { systems: 'Ubuntu from 9.10 to 14.10', style: 'upstart' },
  centos: { systems: 'CentOS, RHEL, Rocky and Alma from 7, and Fedora', style: 'systemd', enable: systemctl },
  'centos-6': { systems: 'CentOS and RHEL 6', style: 'sysvinit', enable: chkconfig },
  'centos-5': { systems: 'CentOS and RHEL 5', style: 'sysvinit', enable: chkconfig },
  alpine: {
    systems: 'Alpine, and others with OpenRC',
    style: 'openrc',
    enable: ({ name }) => `rc-update add ${name} default`,
  },
} as const satisfies Record<string, ScriptSystem>

/** What `--for` takes. */
export type ScriptSystemName = keyof typeof SYSTEMS

/** The names of the systems, with a text for people. */
export const SCRIPT_SYSTEMS: readonly (readonly [name: ScriptSystemName, systems: string])[] = Object.entries(
  SYSTEMS,
).map(([name, { systems }]) => [name as ScriptSystemName, systems])

/**
 * Returns a script for a system, with a header that says how to install it, and that contains the file of
 * its service.
 */
export function printedScript(name: ScriptSystemName, { isForHostKeys }: { isForHostKeys: boolean }): string {
  const script = isForHostKeys ? HOST_KEYS_SCRIPT : METADATA_SCRIPT
  const { systems, style, enable }: ScriptSystem = SYSTEMS[name]
  const service = servicePath(script, style)
  const commands = [
    `cp FILE ${script.path}`,
    `chmod 755 ${script.path}`,
    `sed -n 's/^#|//p' ${script.path} >${service}`,
    ...(isExecutableService(style) ? [`chmod 755 ${service}`] : []),
    ...(enable === undefined ? [] : [enable(script)]),
  ]
  const other = isForHostKeys ? [] : ['', ...HOST_KEYS_TOO, `  vdc-manage guest script --for ${name} --host-keys`]
  const header = [
    `For ${systems}. To install ${script.what}, run as root in the guest,`,
    'with the name of this file for FILE:',
    ...commands.map((command) => `  ${command}`),
    ...other,
    '',
    `${service}:`,
  ]
  const [start = '', ...rest] = script.text.split('\n')
  return [
    start,
    ...header.map((line) => `# ${line}`.trimEnd()),
    ...script.services[style]
      .trimEnd()
      .split('\n')
      .map((line) => `#|${line}`),
    '',
    ...rest,
  ].join('\n')
}

const HOST_KEYS_TOO = [
  'An instance also needs SSH host keys of its own. If nothing in the guest makes them (on',
  'CentOS and Alpine, sshd does), install this, too:',
]
