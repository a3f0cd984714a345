/*
 * A VMDK descriptor is ASCII, but its file names use the encoding that it declares: VMware's
 * "Virtual Disk Format 5.0", "The Descriptor File", https://www.vmware.com/app/vmdk/?src=vmdk.
 * In some encodings, the second byte of a character can equal an ASCII backslash, so names
 * are read character by character.
 */

/**
 * First bytes of two-byte characters, by encoding: the tables of the WHATWG's Encoding Standard, https://encoding.spec.whatwg.org/#legacy-multi-byte-chinese-(simplified)-encodings
 */
const LEADS: readonly [name: RegExp, isLead: (byte: number) => boolean][] = [
  [/shift.?jis|sjis|31j|932/i, (byte) => (byte >= 0x81 && byte <= 0x9f) || (byte >= 0xe0 && byte <= 0xfc)],
  [/big.?5|gb.?k|gb.?2312|gb.?18030|euc|johab|uhc|ks.?c|936|949|950|1361/i, (byte) => byte >= 0x81 && byte <= 0xfe],
]
/** The WHATWG's names of encodings that VMware names by code page. */
const CODE_PAGES: Readonly<Record<string, string>> = { 932: 'shift_jis', 936: 'gbk', 949: 'euc-kr', 950: 'big5' }

/** Returns whether a name has a path separator: a slash, backslash or colon that is not part of a two-byte character. */
export function hasSeparator(name: Buffer, encoding: string): boolean {
  const isLead = LEADS.find(([pattern]) => pattern.test(encoding))?.[1]
  for (let at = 0; at < name.length; at++) {
    const byte = name[at] as number
    if (isLead?.(byte)) at++
    else if (byte === 0x2f || byte === 0x5c || byte === 0x3a) return true
  }
  return false
}

/** Decodes a name for a message. Decodes it as Latin-1 if the encoding is unknown. */
export function decodeName(name: Buffer, encoding: string): string {
  const page = /\d+$/.exec(encoding)?.[0] ?? ''
  try {
    return new TextDecoder(CODE_PAGES[page] ?? encoding).decode(name)
  } catch {
    return name.toString('latin1')
  }
}
