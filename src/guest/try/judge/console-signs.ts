import type { Moment } from '../event.ts'
import { plainText } from '../plain-text.ts'
import type { ConsoleFact, Facts } from './facts.ts'

/** A line that tells something. The words have `$1` for what the pattern captures. */
type Row = readonly [fact: ConsoleFact, pattern: RegExp, words: string]

/** Characters of what a sign tells. */
const LONGEST = 160

/*
 * In the order of their ranks. The firmware's console may tear a line of a boot loader into several, so loaders
 * are known by words, not by phrases.
 */
const ROWS: readonly Row[] = [
  ['loader', /\bGNU GRUB +version ([\w.~+-]+)/, 'GRUB $1'],
  ['loader', /\b((?:SYSLINUX|EXTLINUX|ISOLINUX|PXELINUX) [\d.]+)/, '$1'],
  ['loader', /\b(systemd-boot [\d.~+-]+)/, '$1'],
  ['loader', /\bGRUB\b/, 'GRUB'],
  ['loader', /\bsystemd-boot\b/, 'systemd-boot'],
  ['loader', /^LILO\b/, 'LILO'],
  ['loader-failure', /\bNo bootable device/, 'the firmware found no bootable device'],
  ['loader-failure', /\b(?:Boot failed: |FATAL: )(.*(?:boot|read).*)/, 'the firmware cannot boot the disk: $1'],
  ['loader-failure', /\bgrub rescue>/, 'GRUB stopped at its rescue prompt'],
  ['loader-failure', /^grub>/, 'GRUB stopped at its prompt, without a configuration'],
  ['loader-failure', /\b(GRUB )?((?:Hard Disk|Geom|Read) Error)$/, 'GRUB: $2'],
  ['loader-failure', /\byou need to load the kernel first/, 'GRUB found no kernel'],
  ['loader-failure', /\b(No (?:DEFAULT or UI )?configuration (?:directive|file) found)/, 'SYSLINUX: $1'],
  ['loader-failure', /\b(Could not find kernel image: .*)/, 'SYSLINUX: $1'],
  ['loader-failure', /^(Missing operating system|Operating system not found|Error loading operating system)/, '$1'],
  ['loader-error', /^error: (.*)/, '$1'],
  ['kernel', /\b(Linux) version ([\w.+~-]+)/, '$1 $2'],
  ['kernel', /^\[ *\d+\.\d{6}\] /, 'messages of a kernel'],
  ['panic', /\bKernel panic - not syncing: (.*)/, '$1'],
  [
    'stuck',
    /\b(?:You are in|Welcome to|Entering) (emergency|rescue) (?:mode|shell)\b/i,
    'the system stopped in $1 mode',
  ],
  ['stuck', /^ALERT! +(.*?)(?: +Dropping to a shell!)?$/, 'the initramfs stopped: $1'],
  ['stuck', /^\(initramfs\)|^dracut:\/#/, 'the initramfs stopped at its prompt'],
  ['stuck', /\b(?:Give root password for|Press Enter for) maintenance\b/, 'the system stopped for maintenance'],
  ['stuck', /\bCannot open access to console, the root account is locked/, 'the system stopped for maintenance'],
  // A message of the kernel may follow.
  ['prompt', /(?:^|\s)(\S{1,80}) login:(?: ?\[|$)/, '$1'],
  ['system', /(?:^|\s)(\S{1,80}) login:(?: ?\[|$)/, 'login prompt of $1'],
  ['system', /^Welcome to (?!GRUB)(.+)!$/, '$1'],
  ['system', /\bINIT: version (\S+) booting/, 'sysvinit $1'],
  ['system', /^init started: (BusyBox v\S+)/, '$1'],
  ['system', /\b(OpenRC [\d.]+) is starting up/, '$1'],
  ['system', /\b(Cloud-init v\. \S+) running/, '$1'],
  ['system', /\bsystemd\[1\]: |\bReached target\b/, 'systemd'],
  ['system', /^vdc-metadata: /, 'the metadata script'],
  ['host-name', /\bvdc-metadata: host name: (\S+)/, '$1'],
  ['user-data-started', /\bvdc-metadata: running the user-data/, 'started'],
  ['user-data-exit-code', /\bvdc-metadata: the user-data ended with exit code (\d+)/, '$1'],
  [
    'metadata-complaint',
    /\bvdc-metadata: (.*(?:cannot be|are missing|not valid|will try again|no SSH keys).*)/,
    'the script says: $1',
  ],
  ['metadata-complaint', /^\S*vdc-metadata\S*: ((?:line \d+|\d+): .*)/, 'the script fails: $1'],
  [
    'metadata-complaint',
    /\bFailed to start (.*(?:metadata|cloud-init|rc[.-]local).*)/i,
    'the system failed to start $1',
  ],
  ['metadata-complaint', / ([\w.-]{1,40})\[\d+\]: segfault at /, '$1 crashed'],
  ['ssh-complaint', /\b(no hostkeys available\b.*)/i, 'sshd says: $1'],
  ['ssh-complaint', /\bFailed to start (.*\b(?:sshd?|secure shell|dropbear)\b.*)/i, 'the system failed to start $1'],
  ['ssh-complaint', /^(?:\S*\/)?(sshd|dropbear)(?:\[\d+\])?: (.*)/, '$1 says: $2'],
]

/** Adds what a line of the console tells to facts. Returns whether it tells something new. */
export function noteLine(facts: Facts['console'], line: string, at: Moment): boolean {
  let isNew = false
  for (const [rank, [fact, pattern, words]] of ROWS.entries()) {
    // Of prompts and names, the last one counts.
    const isBetter = rank < (facts[fact]?.rank ?? ROWS.length) || LAST_COUNTS.has(fact)
    const match = isBetter ? pattern.exec(line) : null
    if (match === null) continue
    const text = words.replace(/\$(\d)/g, (_, group) => match[Number(group)] ?? '')
    facts[fact] = { rank, at, text: plainText(text, LONGEST) }
    isNew = true
  }
  return isNew
}

const LAST_COUNTS: ReadonlySet<ConsoleFact> = new Set(['prompt', 'host-name'])
