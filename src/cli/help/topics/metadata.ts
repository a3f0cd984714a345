import { SCRIPT_SYSTEMS } from '../../../registry/image/guest-script.ts'
import type { Block } from '../blocks.ts'

/** `vdc-manage help metadata` */
export const METADATA_TOPIC: readonly Block[] = [
  {
    text: 'Instances of an image differ only in their metadata, which they request from a server at http://169.254.169.254. A guest needs a program that gets it at boot: cloud-init, or the script that guest script prints. image check looks for either (init.metadata), and image prepare installs the script or sets up cloud-init.',
  },
  { heading: 'THE SCRIPT' },
  {
    text: 'It asks the server up to ten times, three seconds apart, with curl, wget, busybox or bash. It runs with any POSIX shell. For each new instance ID, it does the following once:',
  },
  {
    list: [
      ['host name', 'Sets it, also in /etc/hostname or /etc/sysconfig/network, and in /etc/hosts.'],
      [
        'SSH keys',
        'Adds the public keys to authorized_keys of the first ordinary user that has a home folder and a shell, or of root if there is none.',
      ],
      ['user-data', 'Runs it as root, if it starts with #!. A copy is kept in /var/lib/vdc-metadata.'],
    ],
  },
  {
    text: 'At every boot, it grows the root partition and its filesystem if growpart is installed. An image that is made of an instance sets up its own instances, as they have other IDs. But they share the SSH host keys and the machine ID of that instance, unless image prepare removes them.',
  },
  {
    text: 'The script writes to the console and to /var/log/vdc-metadata.log. The output of the user-data is only in the log file, which only root can read. If the server fails, the next boot tries again.',
  },
  { heading: 'SSH HOST KEYS' },
  {
    text: 'Each instance needs its own host keys before sshd starts. On CentOS and Alpine, sshd makes them. On Debian and Ubuntu, install the script that guest script --host-keys prints, which runs before sshd; image prepare does so.',
  },
  { heading: 'SYSTEMS (--for)' },
  { list: SCRIPT_SYSTEMS.map(([name, systems]) => [name, `${systems}.`] as const) },
  { heading: 'CLOUD-INIT' },
  {
    text: 'On hosts that do not claim to be Amazon EC2, cloud-init asks the server only if a file in /etc/cloud/cloud.cfg.d says so:',
  },
  { code: ['  datasource_list: [ Ec2, None ]'] },
  { heading: 'SETTINGS' },
  {
    text: 'The script reads these environment variables, which its unit can set with Environment=: VDC_METADATA_URL (the server), VDC_METADATA_TRIES and VDC_METADATA_PAUSE (seconds).',
  },
]
