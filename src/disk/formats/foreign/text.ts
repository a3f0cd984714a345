import { isUtf8 } from 'node:buffer'
import type { Inspector } from '../../inspect/inspector.ts'

/*
 * Text has no specification: it is what has no control characters. The byte order marks are
 * Unicode's, section 23.8: https://www.unicode.org/versions/latest/core-spec/chapter-23/
 */

/** Bytes that are looked at. */
const HEAD = 4096
/** Of a file in Latin-1, how much is ASCII at least; constant bytes above it are erased flash, not text. */
const ASCII_SHARE = 0.7

/** VMware's descriptor, which is a disk's. */
const VMDK_DESCRIPTOR = /^\s*(?:#[^\n]*\n\s*)*(?:#\s*Disk DescriptorFile|version\s*=\s*\d+\s*\n)/i

/** Control characters that texts have: bell, backspace, the blanks and line ends, escape. */
const BLANKS = [7, 8, 9, 10, 11, 12, 13, 27]

/** Archives and documents that may be text throughout, and have an inspector that says more. */
const NAMED = /^(?:!<arch>\n|%PDF-\d|07070[127])/

/** What text looks like by its first lines. */
const KINDS: readonly [start: RegExp, title: string][] = [
  [/^\s*(?:<!--[\s\S]*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b/i, 'an HTML page'],
  [/^\s*<\?xml[\s\S]*<(?:\w+:)?Envelope\b[^>]*dmtf\.org\/ovf/i, 'an OVF descriptor'],
  [/^\s*<\?xml\s[\s\S]*<!doctype\s+html\b/i, 'an HTML page'],
  [/^\s*<\?xml\s/, 'an XML file'],
  [/^\s*(?:\{\s*"(?:[^"\\]|\\.)*"\s*:|\{\s*\}|\[\s*[{["\d\]])/, 'a JSON file'],
  [/^#!\s*\S*\/(?:env\s+)?(?:ba|da|k|z)?sh\b/, 'a shell script'],
  [/^#!\s*\//, 'a script'],
  [/^#cloud-config\b/, 'a cloud-init file'],
  [/^%!PS-Adobe-/, 'a PostScript document'],
  [/^\{\\rtf/, 'an RTF document'],
  [/^d\d+:announce/, 'a BitTorrent file'],
  [/^-----BEGIN PGP /, 'a PGP file'],
  [/^-----BEGIN [A-Z0-9 ]+-----/, 'a PEM file, a key or a certificate'],
  [/^version https:\/\/git-lfs\.github\.com\//, 'a pointer of Git LFS, without the file itself'],
  [/^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}) [ *]\S/i, 'a list of checksums'],
]

/** Kinds that count with NULs behind them too: what a server sends in place of a disk, and files on whole blocks. */
const PADDED = ['an HTML page', 'an XML file', 'an OVF descriptor', 'a JSON file']
/** Characters that they have at least, as fewer before a NUL may be there by chance. */
const PADDED_LEAST = 16

/** A text of any kind: in UTF-8, Latin-1, or UTF-16 with its byte order mark. */
export const text: Inspector = {
  name: 'text',
  kind: 'foreign',
  title: 'a text file',
  async inspect(source) {
    const head = await source.read(0, HEAD)
    const whole = decode(head)
    const shown = whole ?? decode(head.subarray(0, Math.max(0, head.indexOf(0))))
    if (shown === undefined || VMDK_DESCRIPTOR.test(shown) || NAMED.test(shown)) return undefined
    const title = KINDS.find(([start]) => start.test(shown))?.[1]
    if (whole === undefined && (shown.length < PADDED_LEAST || !PADDED.includes(title ?? ''))) return undefined
    return title === undefined ? { at: 0 } : { at: 0, title }
  },
}

/** Bytes as text; undefined when they are none. */
function decode(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return undefined
  const mark = bytes.toString('hex', 0, 2)
  if (bytes.length >= 4 && (mark === 'fffe' || mark === 'feff')) return decodeUtf16(bytes, mark === 'fffe')
  const isUnicode = isUtf8(withoutCutCharacter(bytes))
  const ascii = bytes.reduce((count, byte) => (byte < 0x80 ? count + 1 : count), 0)
  if (!isUnicode && ascii < bytes.length * ASCII_SHARE) return undefined
  const shown = bytes.toString(isUnicode ? 'utf8' : 'latin1').replace(/^\ufeff/, '')
  return hasControls(shown) ? undefined : shown
}

function decodeUtf16(bytes: Buffer, isLittle: boolean): string | undefined {
  const even = Buffer.from(bytes.subarray(2, bytes.length & ~1))
  const shown = (isLittle ? even : even.swap16()).toString('utf16le')
  // Half a pair may stand at the end; anywhere else it shows that this is no text.
  return hasControls(shown) || !shown.slice(0, -1).isWellFormed() ? undefined : shown
}

/** Says whether text has characters that texts don't have. */
function hasControls(shown: string): boolean {
  return [...shown].some((character) => {
    const code = character.charCodeAt(0)
    return (code < 0x20 && !BLANKS.includes(code)) || code === 0x7f || code >= 0xfffe
  })
}

/** UTF-8 whose last character was cut by the end of what was read. */
function withoutCutCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back)
    if (byte < 0x80) break
  }
  return bytes
}
