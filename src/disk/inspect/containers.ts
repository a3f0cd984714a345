/** Compressed files and zip archives, by the usual extension of their names. */
export type Compression = 'gz' | 'xz' | 'bz2' | 'zst' | 'zip'

/** How a file is packed: a container format of dcmgr, or a packing that its agents cannot unpack. */
export type ContainerFormat = 'none' | 'gz' | 'tar' | 'tgz' | ForeignFormat

/** A packing that the agents cannot unpack: `tar` and `ova` are archives, within `gz`, `xz` and so on. */
type ForeignFormat = Exclude<Compression, 'gz'> | 'ova' | `tar.${Exclude<Compression, 'gz'>}` | `ova.${Compression}`

/** Describes an OVA in messages. */
export const OVA_TITLE = 'an OVA, a whole virtual machine'
const COMPRESSIONS: Readonly<Record<string, string>> = {
  gz: 'compressed with gzip',
  xz: 'compressed with xz',
  bz2: 'compressed with bzip2',
  zst: 'compressed with zstd',
  zip: 'a zip archive',
}

/** Returns the container format of a tar archive or an OVA within a compressed file. */
export function archiveIn(archive: 'tar' | 'ova', compression: Compression | undefined): ContainerFormat {
  if (compression === undefined) return archive
  if (archive === 'ova') return `ova.${compression}`
  return compression === 'gz' ? 'tgz' : `tar.${compression}`
}

/** Returns whether the agents can unpack a container format (dcmgr.md, "Where an image's bytes are"). */
export function isOfAgents(format: ContainerFormat): boolean {
  return ['none', 'gz', 'tar', 'tgz'].includes(format)
}

/** Describes a file that the agents cannot unpack in messages, such as `a zip archive`. */
export function titleOfContainer(format: ContainerFormat): string {
  if (format === 'ova') return OVA_TITLE
  const [, archive, outer = format] = /^(tar|ova)\.(.*)$/.exec(format) ?? []
  if (archive === undefined) return COMPRESSIONS[outer] ?? outer
  const within = outer === 'zip' ? 'in a zip archive' : COMPRESSIONS[outer]
  return `${archive === 'ova' ? 'an OVA' : 'a tar archive'} ${within}`
}
