import type { Instance } from '../../metadata/instance.ts'
import type { Step } from '../step.ts'
import type { Facts, Sign } from './facts.ts'

/** What a guest should do. */
export interface Expectations {
  instance: Instance
  /** Whether it is tried to reach sshd, and to log in. */
  ssh: boolean
}

/** What the results of steps depend on. */
export interface Case extends Expectations {
  facts: Facts
  /** Whether nothing more will be seen, so that what is missing counts. */
  isOver: boolean
}

/** A result without the name of its step. */
export type Verdict = Omit<Step, 'step'>

const ok = (at: number | undefined, message: string): Verdict => ({ result: 'ok', at, message })
const failed = (at: number | undefined, message: string): Verdict => ({ result: 'failed', at, message })
const notSeen = (message: string): Verdict => ({ result: 'not-seen', at: undefined, message })
const LINK_LOCAL = '169.254.'

/** Whether and when the guest used its network, which a system must have done. */
function firstPacket({ dhcp, foreign, metadata }: Facts): number | undefined {
  const moments = [dhcp.asked, foreign[0]?.at, metadata.firstAsked].filter((at) => at !== undefined)
  return moments.length === 0 ? undefined : Math.min(...moments)
}

/** Returns a sign of the kernel or of what it started. */
function started({ console, ...facts }: Facts): Sign | undefined {
  const sign = console.kernel ?? console.panic ?? console.stuck ?? console.system
  const packet = firstPacket({ console, ...facts })
  return sign ?? (packet === undefined ? undefined : { at: packet, text: 'not on the console, but it sent packets' })
}

/** Judges the boot loader. */
export function loader({ facts, isOver }: Case): Verdict {
  const { loader: seen, 'loader-failure': failure, 'loader-error': error } = facts.console
  const next = started(facts)
  if (next !== undefined) return ok(seen?.at ?? next.at, seen?.text ?? 'not on the console, but it started a kernel')
  const detail = error === undefined ? '' : `: ${error.text}`
  if (failure !== undefined) return failed(failure.at, `${failure.text}${detail}`)
  if (seen === undefined) return notSeen('nothing on the console')
  return isOver && error !== undefined ? failed(error.at, `${seen.text}${detail}`) : ok(seen.at, seen.text)
}

/** Judges the kernel. */
export function kernel({ facts }: Case): Verdict {
  const { kernel: seen, panic } = facts.console
  if (panic !== undefined) return failed(panic.at, `${seen?.text ?? 'the kernel'} panicked: ${panic.text}`)
  if (seen !== undefined) return ok(seen.at, seen.text)
  const next = started(facts)
  return next === undefined ? notSeen('nothing on the console') : ok(next.at, 'not on the console, but it runs')
}

/** Judges init and what it starts. */
export function system({ facts, isOver }: Case): Verdict {
  const { system: seen, stuck, panic } = facts.console
  if (stuck !== undefined) return failed(stuck.at, stuck.text)
  if (seen !== undefined) return ok(seen.at, seen.text)
  const packet = firstPacket(facts)
  const words = isOver ? 'not on the console, but it uses the network' : 'uses the network'
  if (packet !== undefined && panic === undefined) return ok(packet, words)
  return notSeen('no sign of init or a login prompt')
}

/** Judges whether the guest asked for its address. */
export function dhcp({ facts: { dhcp }, isOver }: Case): Verdict {
  const { asked, given, hostName, vendor } = dhcp
  if (given !== undefined) {
    const client = vendor === undefined ? '' : ` for ${vendor}`
    return ok(given.at, `${given.address}${client}${hostName === undefined ? '' : ` (host name ${hostName.text})`}`)
  }
  if (asked === undefined) return notSeen('the guest did not ask for an address')
  return isOver
    ? failed(asked, 'the guest asked for an address, but did not take one')
    : notSeen('asked for an address')
}

/** Judges whether the guest used only the address that it was given. */
export function address({ facts: { dhcp, foreign }, isOver }: Case): Verdict {
  const fixed = foreign.filter((each) => !each.address.startsWith(LINK_LOCAL))
  const addresses = fixed.map((each) => each.address).join(', ')
  if (fixed[0] !== undefined) return failed(fixed[0].at, `packets from ${addresses}, which the guest was not given`)
  if (dhcp.given !== undefined) return ok(dhcp.given.at, 'no packets from other addresses')
  const [own] = foreign
  if (own === undefined || !isOver) return notSeen('no packets that have an address')
  return failed(own.at, `packets from ${own.address}, which the guest gave itself without DHCP`)
}

/** Judges whether the guest got what sets up an instance. */
export function metadata({ facts, isOver }: Case): Verdict {
  const { count, answered, refused, client, firstAsked, gotSetup, userData } = facts.metadata
  const complaint = facts.console['metadata-complaint']
  const detail = complaint === undefined ? '' : `; ${complaint.text}`
  const by = client === undefined ? '' : ` by ${client}`
  if (gotSetup !== undefined) return ok(gotSetup, `${requests(count)}${by}: ${answered.join(', ')}`)
  if (firstAsked === undefined) return notSeen(`the guest did not ask for metadata${detail}`)
  if (!isOver) return notSeen(`${requests(count)}${by}`)
  const names = [...answered, ...(userData === undefined ? [] : ['user-data'])]
  const only = `${requests(count)}${by}, but none for its host name or keys`
  const what = names.length === 0 ? `no answer but ${refused.join(', ')}` : `${only}: ${names.join(', ')}`
  return failed(firstAsked, `${what}${detail}`)
}

function requests(count: number): string {
  return count === 1 ? '1 request' : `${count} requests`
}

/** Judges whether the guest asked for user-data, and how its run ended. */
export function userData({ facts: { metadata, console }, isOver }: Case): Verdict {
  const { 'user-data-started': start, 'user-data-exit-code': end } = console
  if (end !== undefined) {
    return end.text === '0' ? ok(end.at, 'ran, with exit code 0') : failed(end.at, `ended with exit code ${end.text}`)
  }
  if (start !== undefined) return isOver ? ok(start.at, 'started; its end was not seen') : notSeen('running')
  const { userData: asked } = metadata
  if (asked === undefined) return notSeen('the guest did not ask for user-data')
  if (asked.status === 404) return ok(asked.at, 'asked for; the instance has none')
  return asked.status < 300 ? ok(asked.at, 'asked for') : failed(asked.at, `refused with ${asked.status}`)
}

/** Judges which host name the guest took. */
export function hostName({ facts, instance, isOver }: Case): Verdict {
  const { console, login, metadata, dhcp } = facts
  const wanted = instance.hostName
  const isTaken = (name: string | undefined) => name === wanted || name === wanted.split('.')[0]
  if (login?.hostName !== undefined) {
    const { at, hostName: name } = login
    return isTaken(name) ? ok(at, name) : failed(at, `the guest is called ${name}, not ${wanted}`)
  }
  const signs = [console['host-name'], console.prompt, metadata.gotSetup === undefined ? undefined : dhcp.hostName]
  const taken = signs.find((sign) => isTaken(sign?.text))
  if (taken !== undefined) return ok(taken.at, taken.text)
  const { prompt } = console
  if (prompt === undefined || !isOver) return notSeen('no login prompt, and no session')
  return failed(prompt.at, `the login prompt says ${prompt.text}, not ${wanted}`)
}

/** Judges sshd. */
export function ssh({ facts, ssh: isTried, isOver }: Case): Verdict {
  const { ssh, console, dhcp } = facts
  if (ssh !== undefined) {
    const [key] = Object.entries(ssh.hostKeys).sort(([one], [other]) => Number(isModern(other)) - Number(isModern(one)))
    const software = ssh.banner.replace(/^SSH-[\d.]+-/, '')
    if (key === undefined) return failed(ssh.at, `${software} has no host keys`)
    return ok(ssh.at, `${software}, ${key.join(' ')}`)
  }
  const complaint = console['ssh-complaint']
  if (!isTried) return notSeen('not tried')
  if (complaint !== undefined) return failed(complaint.at, complaint.text)
  if (dhcp.given === undefined) return notSeen('not reachable without an address')
  return isOver ? failed(undefined, 'sshd did not answer') : notSeen('no answer yet')
}

function isModern(type: string): boolean {
  return type === 'ssh-ed25519'
}

/** Judges whether the key of the metadata opens a session. */
export function login({ facts: { login, ssh, metadata }, ssh: isTried }: Case): Verdict {
  if (!isTried) return notSeen('not tried')
  if (login?.user !== undefined) return ok(login.at, `as ${login.user}`)
  if (login === undefined) return notSeen(ssh === undefined ? 'sshd did not answer' : 'no session')
  const hasKeys = metadata.answered.some((name) => /^public-keys|metadata\.\w+$/.test(name))
  const why = hasKeys ? '' : ', and the guest did not ask for public-keys'
  return failed(login.at, `no user accepts the key of the metadata${why}`)
}

/** Judges how the virtual machine ended. */
export function powerOff({ facts: { end } }: Case): Verdict {
  switch (end?.how) {
    case 'powered-off':
      return ok(end.at, 'on request')
    case 'by-itself':
      return failed(end.at, 'the guest powered off before it was asked to')
    case 'reset':
      return failed(end.at, 'the guest restarted')
    case 'killed':
      return failed(end.at, 'the guest did not power off, and was stopped')
    default:
      return notSeen('not asked')
  }
}
