import { type Case, failed, notSeen, ok, type Verdict } from './verdict.ts'

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
