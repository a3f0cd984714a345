import { assignmentsIn } from '../../parsers/assignments.ts'
import { linesOf } from '../../parsers/lines.ts'
import { unitState } from '../../parsers/systemd.ts'
import { startedScripts } from '../../parsers/sysv.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { Finding, GuestCheck } from '../check.ts'
import { each, findingsOf } from '../each.ts'
import { sshServer } from './installed.ts'

const UFW = '/etc/ufw/ufw.conf'
const FIREWALLD = '/etc/firewalld/firewalld.conf'
const NFTABLES = ['/etc/nftables.conf', '/etc/sysconfig/nftables.conf']
const BLOCKED = 'the firewall does not open the port of SSH'
/** What opens it in rules of iptables, ufw and nftables. Gaps are bounded, because a line can be long. */
const OPEN = /\bdports? (?:\S+,)?(?:22|ssh)\b|\bdport \{[^}]{0,200}\b(?:22|ssh)\b/
const CLOSING = /\s-j (?:REJECT|DROP)\b|^:INPUT (?:DROP|REJECT)\b/

export const firewall: GuestCheck = {
  id: 'ssh.firewall',
  severity: 'warning',
  requirement: 'No firewall in the guest keeps SSH out.',
  looksAt: '`/etc/ufw`, `/etc/firewalld`, `/etc/sysconfig/iptables`, `/etc/iptables/rules.v4`, `/etc/nftables.conf`',
  remedy: 'Open port 22, or disable the firewall of the guest; security groups filter the traffic.',

  async notApplicable({ files }) {
    return (await sshServer(files)) === undefined ? 'there is no SSH server' : undefined
  },

  run({ files }) {
    const found = each([ufw, firewalld, iptables, nftables], (look) => look(files))
    return findingsOf(found, (finding) => finding)
  },
}

/** ufw(8) */
async function* ufw(files: GuestFiles): AsyncGenerator<Finding> {
  if (assignmentsIn((await files.text(UFW)) ?? '').get('ENABLED')?.value !== 'yes') return
  for (const path of ['/etc/ufw/user.rules', '/lib/ufw/user.rules'])
    if (linesOf((await files.text(path)) ?? '').some(({ text }) => OPEN.test(text) && text.endsWith('-j ACCEPT')))
      return
  yield { message: BLOCKED, path: UFW }
}

/** firewalld.zone(5). Zones that firewalld ships let SSH in, except block and drop. */
async function* firewalld(files: GuestFiles): AsyncGenerator<Finding> {
  if ((await unitState(files, 'firewalld.service')) !== 'enabled') return
  const zone = assignmentsIn((await files.text(FIREWALLD)) ?? '').get('DefaultZone')?.value ?? 'public'
  if (!/^[\w-]+$/.test(zone)) throw new Undecided('the default zone of firewalld is not valid')
  for (const path of [`/etc/firewalld/zones/${zone}.xml`, `/usr/lib/firewalld/zones/${zone}.xml`]) {
    const text = await files.text(path)
    if (text === undefined) continue
    if (!/<service name="ssh"|<port [^>]{0,100}port="22"|<zone [^>]{0,100}target="ACCEPT"/.test(text))
      yield { message: BLOCKED, path }
    return
  }
}

/** iptables-restore(8), as the services of Red Hat and Debian read it. */
async function* iptables(files: GuestFiles): AsyncGenerator<Finding> {
  const isStarted =
    (await startedScripts(files)).has('iptables') ||
    (await unitState(files, 'iptables.service')) === 'enabled' ||
    (await unitState(files, 'netfilter-persistent.service')) === 'enabled'
  if (!isStarted) return
  for (const path of ['/etc/sysconfig/iptables', '/etc/iptables/rules.v4']) {
    const lines = linesOf((await files.text(path)) ?? '')
    const closing = lines.find(({ text }) => CLOSING.test(text))
    const isOpen = lines.some(({ text }) => OPEN.test(text) && text.includes('-j ACCEPT'))
    if (closing !== undefined && !isOpen) yield { message: BLOCKED, path, line: closing.number, value: closing.text }
  }
}

/** nft(8). Rules can be anything, so a file that drops packets and does not name SSH is reported as unknown. */
async function* nftables(files: GuestFiles): AsyncGenerator<Finding> {
  if ((await unitState(files, 'nftables.service')) !== 'enabled') return
  for (const path of NFTABLES) {
    const lines = linesOf((await files.text(path)) ?? '')
    const closing = lines.find(({ text }) => /\bhook input\b.{0,200}\bpolicy drop\b|^(?:drop|reject)\b/.test(text))
    if (closing !== undefined && !lines.some(({ text }) => OPEN.test(text)))
      yield { result: 'unknown', message: 'whether the rules of nftables let SSH in', path, line: closing.number }
  }
}
