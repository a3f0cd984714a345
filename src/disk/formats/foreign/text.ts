import { isUtf8 } from 'node:buffer'
import type { Inspector } from '../../inspect/inspector.ts'

/*
 * Text is recognised by the absence of control characters. Byte order marks: Unicode, section
 * 23.8: https://www.unicode.org/versions/latest/core-spec/chapter-23/
 */

/** Bytes that are read. */
const HEAD = 4096
/** Smallest share of ASCII in a Latin-1 text. Erased flash, for example, is constant bytes above ASCII. */
const ASCII_SHARE = 0.7

/** VMware's descriptor, which is a text file but belongs to a disk. */
const VMDK_DESCRIPTOR = /^\s*(?:#[^\n]*\n\s*)*(?:#\s*Disk DescriptorFile|version\s*=\s*\d+\s*\n)/i

/** Control characters in texts: bell, backspace, whitespace, line ends, escape. */
const TEXT_CONTROLS = [7, 8, 9, 10, 11, 12, 13, 27]

/** Archives and documents that may be pure text, but have their own inspectors. */
const OTHER_INSPECTORS = /^(?:!<arch>\n|%PDF-\d|07070[127])/

/** Kinds of text, recognised by the first lines. */
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
  [/^version https:\/\/git-lfs\.github\.com\//, 'a Git LFS pointer without the file itself'],
  [/^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}) [ *]\S/i, 'a list of checksums'],
]

/** Kinds that can be padded with NULs: error pages sent in place of a disk, and files padded to whole blocks. */
const PADDED = ['an HTML page', 'an XML file', 'an OVF descriptor', 'a JSON file']
/** Fewest characters before the NULs, as a few can be there by chance. */
const PADDED_LEAST = 16

/** Recognises text in UTF-8, Latin-1, or UTF-16 with a byte order mark. */
export const text: Inspector = {
  name: 'text',
  kind: 'foreign',
  title: 'a text file',
  async inspect(source) {
    const head = await source.read(0, HEAD)
    const whole = decode(head)
    const shown = whole ?? decode(head.subarray(0, Math.max(0, head.indexOf(0))))
    if (shown === undefined || VMDK_DESCRIPTOR.test(shown) || OTHER_INSPECTORS.test(shown)) return undefined
    const title = KINDS.find(([start]) => start.test(shown))?.[1]
    if (whole === undefined && (shown.length < PADDED_LEAST || !PADDED.includes(title ?? ''))) return undefined
    return title === undefined ? { at: 0 } : { at: 0, title }
  },
}

/** Decodes text. Returns undefined if the bytes are not text. */
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
  // A lone surrogate is possible at the end, where the reading stopped. Anywhere else, this is not text.
  return hasControls(shown) || !shown.slice(0, -1).isWellFormed() ? undefined : shown
}

/** Returns whether text has control characters that are unusual in texts. */
function hasControls(shown: string): boolean {
  return [...shown].some((character) => {
    const code = character.charCodeAt(0)
    return (code < 0x20 && !TEXT_CONTROLS.includes(code)) || code === 0x7f || code >= 0xfffe
  })
}

/** Removes a last UTF-8 character that may be incomplete because the reading stopped. */
function withoutCutCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back)
    if (byte < 0x80) break
  }
  return bytes
}
