/** Formats that can be registered, by QEMU's names (validation.md, "Formats"). */
export const FILE_FORMATS = ['raw', 'qcow2', 'vmdk', 'vdi', 'vpc', 'vhdx', 'parallels', 'qed', 'qcow'] as const

/** Formats that an image can be converted to. */
export const TARGET_FORMATS = ['qcow2', 'raw', 'vmdk', 'vdi', 'vpc', 'vhdx'] as const

/** One of TARGET_FORMATS. */
export type TargetFormat = (typeof TARGET_FORMATS)[number]

const RAW = 'raw'
/** The formats that a file name extension stands for; `img` and similar ones stand for none. */
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
  gz: ['gz', 'tgz', 'ova.gz'],
  tgz: ['tgz'],
  tar: ['tar'],
  ...Object.fromEntries(['xz', 'bz2', 'zst', 'zip'].map((each) => [each, [each, `tar.${each}`, `ova.${each}`]])),
  ova: ['ova'],
  ...Object.fromEntries(['7z', 'lz4'].map((ending) => [ending, []])),
}

/**
 * Returns the extension of a file name, in lower case, and the formats that it stands
 * for. Returns undefined if the extension says nothing about the format.
 */
export function endingOf(path: string): { ending: string; formats: readonly string[] } | undefined {
  const ending = /[^/]\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''
  const formats = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined
  return formats && { ending, formats }
}

/** Returns the usual extension of files in a format, without the dot. */
export function endingFor(format: string): string {
  return format === 'vpc' ? 'vhd' : format
}

/** Returns a path without the extension of its packing: `lucid.qcow2` for `lucid.qcow2.gz`. */
export function withoutPacking(path: string): string {
  return path.replace(/\.(?:(?:(?:tar|ova)\.)?(?:gz|xz|bz2|zst|zip)|t(?:gz|xz|bz2|zst)|tar|ova)$/i, '')
}
