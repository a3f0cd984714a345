/** The formats that may be registered, by QEMU's names (validation.md, "Formats"). */
export const FILE_FORMATS = ['raw', 'qcow2', 'vmdk', 'vdi', 'vpc', 'vhdx', 'parallels', 'qed', 'qcow'] as const

/** Those that an image can be converted to. */
export const TARGET_FORMATS = ['qcow2', 'raw', 'vmdk', 'vdi', 'vpc', 'vhdx'] as const
export type TargetFormat = (typeof TARGET_FORMATS)[number]

const RAW = 'raw'
/** Endings of file names, and the formats that they speak of; `img` and the like speak of none. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  qcow2: ['qcow2'],
  qcow: ['qcow', 'qcow2'],
  qed: ['qed'],
  vmdk: ['vmdk'],
  vdi: ['vdi'],
  vhd: ['vpc'],
  vpc: ['vpc'],
  vhdx: ['vhdx'],
  hdd: ['parallels'],
  hds: ['parallels'],
  parallels: ['parallels'],
  raw: [RAW],
  iso: [RAW],
  usb: [RAW],
  gz: ['gz', 'tgz'],
  tgz: ['tgz'],
  tar: ['tar'],
  ...Object.fromEntries(['xz', 'bz2', 'zst', 'zip', '7z', 'lz4', 'ova'].map((ending) => [ending, []])),
}

/** The ending of a file's name where it speaks of a format, lower case, and the formats that it speaks of. */
export function endingOf(path: string): { ending: string; formats: readonly string[] } | undefined {
  const ending = /[^/]\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''
  const formats = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined
  return formats && { ending, formats }
}

/** The ending that files of a format have, without its dot. */
export function endingFor(format: string): string {
  return format === 'vpc' ? 'vhd' : format
}

/** A path without the ending of what is packed: of `lucid.qcow2.gz` the name of what is in it. */
export function withoutPacking(path: string): string {
  return path.replace(/\.(?:(?:tar\.)?gz|tgz|tar)$/i, '')
}
