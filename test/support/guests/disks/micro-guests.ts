import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from '../../process/cli.ts'
import { type Entries, type Entry, folder, link, script } from '../guests.ts'
import { makeMicroDisk } from './busybox.ts'
import { cached } from './cache.ts'
import { GRUB_MAKER } from './grub.ts'

const METADATA_SCRIPT = join(ROOT, 'guest/vdc-metadata.sh')
const DROPBEAR = ['/usr/sbin/dropbear', '/usr/bin/dropbearkey']

/** A step of the start, as lines of a shell script. */
type Start = readonly string[]

const MOUNT: Start = [
  'mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -o remount,rw /',
  'mkdir -p /dev/pts; mount -t devpts devpts /dev/pts',
  'chown -R 0:0 /root; hostname -F /etc/hostname; ifconfig lo 127.0.0.1',
  // For the power button.
  'acpid',
]
const IDENTITY: Start = [
  'tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id',
  'dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key >/dev/null 2>&1',
]
const DHCP: Start = ['udhcpc -q -n -i eth0 -s /etc/udhcpc.script -x hostname:$(hostname)']
const METADATA: Start = ['VDC_METADATA_PAUSE=1 VDC_METADATA_TRIES=3 vdc-metadata']
const SSHD: Start = ['dropbear']
const FIXED: Start = ['ifconfig eth0 192.168.1.50', 'route add default gw 192.168.1.1']

/** Asks for the ID, and then uses a variable that is not set. */
const DYING = `set -eu
id=$(timeout 10 wget -q -O - http://169.254.169.254/latest/meta-data/instance-id)
echo "$id" >/run/instance
name=$(timeout 10 wget -q -O - "$server/latest/meta-data/local-hostname")
hostname "$name"`

const INITTAB = ['::sysinit:/etc/init.d/rcS', 'ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100', ''].join('\n')

const entriesOf = (...starts: Start[]): Entries => ({
  ...Object.fromEntries(applets().map((name) => [`/bin/${name}`, link('busybox')])),
  '/sbin/init': link('../bin/busybox'),
  '/sbin/getty': link('../bin/busybox'),
  '/etc/inittab': INITTAB,
  '/etc/init.d/rcS': script(['export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/bin', ...starts.flat()].join('\n')),
  '/etc/udhcpc.script': script(
    'case $1 in\ndeconfig) ifconfig "$interface" 0.0.0.0 up;;\nbound) ifconfig "$interface" "$ip" netmask "$subnet";;\nesac',
  ),
  '/etc/acpi/PWRF/00000080': script('poweroff'),
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\n',
  '/etc/group': 'root:x:0:\n',
  '/etc/shells': '/bin/sh\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/etc/hostname': 'micro\n',
  '/usr/local/sbin/vdc-metadata': { text: readFileSync(METADATA_SCRIPT, 'utf8'), mode: 0o755 },
  ...Object.fromEntries(
    ['dev', 'proc', 'sys', 'root', 'run', 'tmp', 'etc/dropbear'].map((name) => [`/${name}`, folder]),
  ),
  ...Object.fromEntries(['var/log', 'var/lib', 'var/run'].map((name) => [`/${name}`, folder])),
})

function applets(): string[] {
  const names = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n')
  return names.filter((name) => name !== '' && name !== 'busybox')
}

/** Makes a host key. */
function hostKey(): Entry {
  const path = join(mkdtempSync(join(tmpdir(), 'vdc-manage-host-key-')), 'key')
  try {
    execFileSync('dropbearkey', ['-t', 'ed25519', '-f', path], { stdio: 'ignore' })
    return { bytes: readFileSync(path) }
  } finally {
    rmSync(dirname(path), { recursive: true })
  }
}

const modules = ['button', 'evdev', 'virtio_rng']
const programs = DROPBEAR

/** Small guests that boot within seconds, by what they show. */
const GUESTS: Readonly<Record<MicroGuest, () => Parameters<typeof makeMicroDisk>[1]>> = {
  good: () => ({ entries: entriesOf(MOUNT, IDENTITY, DHCP, METADATA, SSHD), modules, programs }),
  'no-loader': () => ({ entries: entriesOf(MOUNT), modules, boots: false }),
  'no-init': () => ({ entries: { ...entriesOf(MOUNT), '/sbin/init': folder }, modules }),
  'endless-start': () => ({
    entries: entriesOf(MOUNT.slice(0, 1), ['echo "Starting the database ..."', 'sleep 100000']),
    modules,
  }),
  'fixed-address': () => ({ entries: entriesOf(MOUNT, IDENTITY, FIXED, METADATA, SSHD), modules, programs }),
  'no-script': () => ({ entries: entriesOf(MOUNT, IDENTITY, DHCP, SSHD), modules, programs }),
  'dying-script': () => ({
    entries: {
      ...entriesOf(MOUNT, IDENTITY, DHCP, METADATA, SSHD),
      '/usr/local/sbin/vdc-metadata': script(DYING),
    },
    modules,
    programs,
  }),
  // Nothing makes its host keys.
  'no-sshd': () => ({ entries: entriesOf(MOUNT, DHCP, METADATA, ['dropbear -E']), modules, programs }),
  // All instances have the identity of the image.
  'one-identity': () => ({
    entries: {
      ...entriesOf(MOUNT, DHCP, METADATA, SSHD),
      '/etc/dropbear/dropbear_ed25519_host_key': hostKey(),
      '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    },
    modules,
    programs,
  }),
}

/** The names of small guests. */
export type MicroGuest =
  | 'good'
  | 'no-loader'
  | 'no-init'
  | 'endless-start'
  | 'fixed-address'
  | 'no-script'
  | 'dying-script'
  | 'no-sshd'
  | 'one-identity'

/** Returns the path of the raw disk of a small guest, which is kept for later runs. Must not be changed. */
export function microGuest(name: MicroGuest): Promise<string> {
  const sources = [import.meta.filename, join(import.meta.dirname, 'busybox.ts'), GRUB_MAKER, METADATA_SCRIPT]
  return cached(`micro-${name}.raw`, sources, (path) => makeMicroDisk(path, GUESTS[name]()))
}
