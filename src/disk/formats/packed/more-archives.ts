import type { Inspector } from '../../inspect/inspector.ts'
import { mustBeUnpacked } from '../shared.ts'

/*
 * Archives that are recognised by their first bytes alone:
 * https://www.nongnu.org/lzip/manual/lzip_manual.html#File-format
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 * https://github.com/jljusten/LZMA-SDK/blob/master/DOC/lzma-specification.txt
 * https://www.lzop.org/
 * https://www.rarlab.com/technote.htm
 * https://learn.microsoft.com/en-us/previous-versions/bb267310(v=vs.85) (Microsoft Cabinet Format)
 * https://github.com/vapier/ncompress
 * https://man.freebsd.org/cgi/man.cgi?query=ar&sektion=5
 * https://rpm-software-management.github.io/rpm/manual/format_v4.html
 * https://download.microsoft.com/download/f/e/f/fefdc36e-392d-4678-9e4e-771ffa2692ab/Windows%20Imaging%20File%20Format.rtf
 */

interface Archive {
  name: string
  title: string
  /** The command that unpacks it, without the name of the file. */
  command: string
  /** Matches the first bytes, as hexadecimal digits. */
  start: RegExp
}

const ARCHIVES: readonly Archive[] = [
  // Version, then a dictionary of 4 KiB to 512 MiB.
  { name: 'lzip', title: 'compressed with lzip', command: 'lzip -d', start: /^4c5a49500[01](?:0[c-f]|[1-9a-f])/ },
  // A frame of version 01, or of the legacy format.
  { name: 'lz4', title: 'compressed with lz4', command: 'lz4 -d', start: /^(?:04224d18[4-7].[4-7]0|02214c18)/ },
  // The usual properties, a dictionary, a size that is unknown or under 1 TiB, and the first byte of the data, which is 0.
  {
    name: 'lzma',
    title: 'compressed with lzma',
    command: 'xz -d --format=lzma',
    start: /^5d00[0-9c]0[0-9c]{4}(?:f{16}|.{10}000000)00/,
  },
  { name: 'lzop', title: 'compressed with lzop', command: 'lzop -d', start: /^894c5a4f000d0a1a0a/ },
  // Codes of 9 to 16 bits.
  {
    name: 'compress',
    title: 'compressed with compress',
    command: 'uncompress',
    start: /^1f9d(?:[08][9a-f]|[19]0)/,
  },
  { name: 'rar', title: 'a RAR archive', command: 'unrar x', start: /^526172211a07(?:00|0100)/ },
  { name: 'cab', title: 'a cabinet archive', command: 'cabextract', start: /^4d53434600000000/ },
  {
    name: 'deb',
    title: 'a Debian package',
    command: 'dpkg-deb -x',
    start: /^213c617263683e0a64656269616e2d62696e617279/,
  },
  { name: 'ar', title: 'an ar archive', command: 'ar x', start: /^213c617263683e0a(?!64656269616e2d62696e617279)/ },
  { name: 'rpm', title: 'an RPM package', command: 'rpm2cpio', start: /^edabeedb0[34]/ },
  { name: 'wim', title: 'a Windows image (WIM)', command: 'wimlib-imagex apply', start: /^4d5357494d000000/ },
]

/** Recognise further archives, which the agents cannot unpack. */
export const moreArchives: readonly Inspector[] = ARCHIVES.map(({ name, title, command, start }) => ({
  name,
  kind: 'packed',
  title,
  async inspect(source) {
    const head = await source.read(0, 32)
    return start.test(head.toString('hex')) ? { at: 0, refusals: [mustBeUnpacked(title, command)] } : undefined
  },
}))
