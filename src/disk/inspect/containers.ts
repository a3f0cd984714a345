/** Compressed files and zip archives, by the usual extension of their names. */
export type Compression = 'gz' | 'xz' | 'bz2' | 'zst' | 'zip'

/** How a file is packed: a container format of dcmgr, or a packing that its agents cannot unpack. */
export type ContainerFormat = 'none' | 'gz' | 'tar' | 'tgz' | ForeignFormat

/** A packing that the agents cannot unpack: `tar` and `ova` are archives, within `gz`, `xz` and so on. */
type ForeignFormat = Exclude<Compression, 'gz'> | 'ova' | `tar.${Exclude<Compression, 'gz'>}` | `ova.${Compression}`

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
  const [archive = '', outer] = /^(?:tar|ova)/.test(format) ? format.split('.') : ['', format]
  const compressed = outer === 'zip' && archive !== '' ? 'in a zip archive' : (COMPRESSIONS[outer ?? ''] ?? '')
  const title = { tar: 'a tar archive', ova: 'an OVA' }[archive]
  return [title, compressed].filter((part) => part !== undefined && part !== '').join(' ')
}
