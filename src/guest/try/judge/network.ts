import { type Case, failed, notSeen, ok, type Verdict } from './verdict.ts'

const LINK_LOCAL = '169.254.'

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
  if (start !== undefined) return ok(start.at, isOver ? 'started; its end was not seen' : 'running')
  const { userData: asked } = metadata
  if (asked === undefined) return notSeen('the guest did not ask for user-data')
  if (asked.status === 404) return ok(asked.at, 'asked for; the instance has none')
  return asked.status < 300 ? ok(asked.at, 'asked for') : failed(asked.at, `refused with ${asked.status}`)
}
