/** Returns an IPv4 address as a number; undefined if it is not four decimal numbers without leading zeros. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.')
  const isValid =
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)
  return isValid ? parts.reduce((address, part) => address * 256 + Number(part), 0) : undefined
}

/** Returns the text of an IPv4 address that is given as a number. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

/** Returns the first and the last address of a network, and its mask, of one of its addresses and the bits of its prefix (0 to 32). */
export function networkOf(address: number, prefix: number): { network: string; netmask: string; broadcast: string } {
  const mask = prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0
  return {
    network: formatIpv4((address & mask) >>> 0),
    netmask: formatIpv4(mask),
    broadcast: formatIpv4((address | ~mask) >>> 0),
  }
}
