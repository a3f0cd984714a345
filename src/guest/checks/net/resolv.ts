import { linesOf, wordsOf } from '../../parsers/lines.ts'
import type { GuestCheck } from '../check.ts'

const RESOLV = '/etc/resolv.conf'
/** Addresses of private networks (RFC 1918, RFC 6598, RFC 4193) and link-local ones. */
const PRIVATE =
  /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:)/i

export const resolv: GuestCheck = {
  id: 'net.resolv',
  severity: 'warning',
  requirement: 'No name server of a private network is left.',
  looksAt: '`/etc/resolv.conf`',
  remedy: 'Replace it by a public name server, or empty /etc/resolv.conf; DHCP fills it in.',

  async *run({ files }) {
    for (const { number, text } of linesOf((await files.text(RESOLV)) ?? '')) {
      const [keyword, server = ''] = wordsOf(text)
      if (keyword === 'nameserver' && PRIVATE.test(server))
        yield { message: 'a name server of a private network is left', path: RESOLV, line: number, value: text }
    }
  },
}
