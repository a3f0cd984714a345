import { linesOf, withLine, withoutLines, wordsOf } from '../../parsers/lines.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestCheck } from '../check.ts'

const RESOLV = '/etc/resolv.conf'
/** Addresses of private networks (RFC 1918, RFC 6598, RFC 4193) and link-local ones. */
const PRIVATE =
  /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:)/i
/** Keywords of domains that belong to a network, as its name servers do (resolv.conf(5)). */
const DOMAINS = ['search', 'domain']

export const resolv: GuestCheck = {
  id: 'net.resolv',
  severity: 'warning',
  requirement: 'No name server of a private network is left.',
  looksAt: '`/etc/resolv.conf`',
  remedy: 'Replace it by a public name server, or empty /etc/resolv.conf; DHCP fills it in.',
  prepares:
    'Removes the name servers and the search domains. With `--nameserver`, sets the name servers, unless `/etc/resolv.conf` is a link, because then something in the guest makes it.',

  async *run({ files }) {
    for (const { keyword, server, line, text } of await linesIn(files))
      if (isPrivate({ keyword, server }))
        yield { message: 'a name server of a private network is left', path: RESOLV, line, value: text }
  },

  async *prepare({ files }, { nameservers }) {
    const isLink = (await files.findLink(RESOLV))?.stat.kind === 'link'
    const lines = await linesIn(files)
    const before = lines.filter(({ keyword }) => keyword === 'nameserver')
    const isSet = nameservers.length > 0 && !isLink
    const isWrong = isSet ? before.map(({ server }) => server).join() !== nameservers.join() : before.some(isPrivate)
    if (!isWrong) return
    const removed = lines.filter(
      (line) => DOMAINS.includes(line.keyword) || (isSet ? before.includes(line) : isPrivate(line)),
    )
    const rest = withoutLines((await files.text(RESOLV)) ?? '', new Set(removed.map(({ line }) => line)))
    const text = isSet ? nameservers.reduce((all, server) => withLine(all, `nameserver ${server}`), rest) : rest
    const what = isSet ? `name server ${nameservers.join(', ')}` : 'without the name servers of a private network'
    yield { action: 'write', path: await files.fileFor(RESOLV), text, what }
  },
}

interface ResolvLine {
  line: number
  text: string
  keyword: string
  /** The first value. */
  server: string
}

async function linesIn(files: GuestFiles): Promise<ResolvLine[]> {
  return linesOf((await files.text(RESOLV)) ?? '').map(({ number, text }) => {
    const [keyword = '', server = ''] = wordsOf(text)
    return { line: number, text, keyword, server }
  })
}

function isPrivate({ keyword, server }: Pick<ResolvLine, 'keyword' | 'server'>): boolean {
  return keyword === 'nameserver' && PRIVATE.test(server)
}
