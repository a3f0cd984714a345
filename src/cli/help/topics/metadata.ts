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
  { heading: 'A SERVER FOR TESTS' },
  {
    text: 'metadata serve answers as Wakame-vdc does, for an instance that options or a file describe, or for the instances in the database. Below /latest/, or any other version, it serves:',
  },
  {
    list: [
      [
        'meta-data/NAME',
        'The names of releases 11.06 and 16.1, such as instance-id, wmi-id, mac and local-ipv4. Bodies have no final newline; several values are one per line.',
      ],
      ['meta-data/', 'The list of release 16.1, with folders such as public-keys/ and network/.'],
      ['user-data', 'Also meta-data/user-data. It is empty if there is none.'],
      ['metadata.json', 'Also .yaml and .sh: the document of release 11.06.'],
      [
        'api/token',
        'With --imdsv2 optional or required: tokens, as on EC2. Only cloud-init on hosts that claim to be EC2 needs them; Wakame-vdc has none.',
      ],
    ],
  },
  {
    text: 'Forward the address 169.254.169.254 of a guest to the server, or set VDC_METADATA_URL for the script. With the database, the source address tells which running instance asks. Nothing is served if two running instances in different networks have the same address.',
  },
  { code: ['  vdc-manage metadata serve --hostname web1', '  curl http://127.0.0.1:8169/latest/meta-data/'] },
  {
    text: 'It serves until Ctrl-C or SIGTERM, and then ends with exit code 0. It prints its URL to stdout once it listens, and a line per request to stderr: time, address, instance, status, request and client.',
  },
  { heading: 'SETTINGS' },
  {
    text: 'The script reads these environment variables, which its unit can set with Environment=: VDC_METADATA_URL (the server), VDC_METADATA_TRIES and VDC_METADATA_PAUSE (seconds).',
  },
]
