import type { Inspector } from '../../inspect/inspector.ts'

/*
 * Everyday files that are uploaded by mistake, recognised by the signatures in their IANA
 * registrations or specifications:
 * https://www.iana.org/assignments/media-types/media-types.xhtml
 */

interface Document {
  name: string
  title: string
  /** Matches the first bytes, as hexadecimal digits. */
  start: RegExp
}

const DOCUMENTS: readonly Document[] = [
  { name: 'pdf', title: 'a PDF document', start: /^255044462d3/ },
  { name: 'ole2', title: 'an office document or a Windows installer', start: /^d0cf11e0a1b11ae1/ },
  { name: 'png', title: 'a PNG picture', start: /^89504e470d0a1a0a/ },
  { name: 'jpeg', title: 'a JPEG picture', start: /^ffd8ff[c-f]/ },
  { name: 'gif', title: 'a GIF picture', start: /^47494638(?:37|39)61/ },
  { name: 'tiff', title: 'a TIFF picture', start: /^(?:49492a00.{6}00|4d4d002a00)/ },
  { name: 'bmp', title: 'a BMP picture', start: /^424d.{8}00000000.{4}0000(?:0c|28|6c|7c)000000/ },
  { name: 'webp', title: 'a WebP picture', start: /^52494646.{8}57454250/ },
  { name: 'wav', title: 'a WAV audio file', start: /^52494646.{8}57415645/ },
  { name: 'avi', title: 'an AVI video', start: /^52494646.{8}41564920/ },
  { name: 'ogg', title: 'an Ogg audio or video file', start: /^4f676753000[0-7]/ },
  { name: 'flac', title: 'a FLAC audio file', start: /^664c6143[08]0000022/ },
  { name: 'mp3', title: 'an MP3 audio file', start: /^4944330[2-4]00.0(?:[0-7].){4}/ },
  { name: 'mp4', title: 'an MP4 or QuickTime video', start: /^0000.{4}66747970/ },
  {
    name: 'matroska',
    title: 'a Matroska or WebM video',
    start: /^1a45dfa3(?:..){0,28}?4282(?:..){1,8}?(?:7765626d|6d6174726f736b61)/,
  },
  { name: 'sqlite', title: 'an SQLite database', start: /^53514c69746520666f726d6174203300/ },
  { name: 'java', title: 'a Java class file', start: /^cafebabe.{4}00(?:2[d-f]|[3-7])/ },
  { name: 'macho', title: 'a macOS program', start: /^(?:c[ef]faedfe|feedfac[ef]|cafebabe0000000[1-9]0)/ },
  { name: 'wasm', title: 'a WebAssembly module', start: /^0061736d01000000/ },
  { name: 'shortcut', title: 'a Windows shortcut', start: /^4c0000000114020000000000c000000000000046/ },
  { name: 'dtb', title: 'a device tree', start: /^d00dfeed.{32}00000011/ },
  { name: 'git-pack', title: 'a Git packfile', start: /^5041434b0000000[23]/ },
  { name: 'pcap', title: 'a packet capture', start: /^(?:d4c3b2a102000400|a1b2c3d400020004)/ },
]

/** Recognise documents, pictures, audio files and other files that are not disks. */
export const documents: readonly Inspector[] = DOCUMENTS.map(({ name, title, start }) => ({
  name,
  kind: 'foreign',
  title,
  async inspect(source) {
    return start.test((await source.read(0, 64)).toString('hex')) ? { at: 0 } : undefined
  },
}))
