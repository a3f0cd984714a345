import { basename } from 'node:path'

/** File extensions of disk images, compressed files and archives. */
const ENDING =
  /\.(?:raw|img|image|iso|usb|qcow2?|qed|vmdk|vdi|vpc|vhdx?|hdd|hds|parallels|gz|xz|bz2|zst|zip|t(?:gz|xz|bz2|zst)|tar|ova)$/i

/**
 * Returns a file's name without the extensions of disk images: `lucid.raw.gz` gives
 * `lucid`, `ubuntu10.04-amd64.qcow2` gives `ubuntu10.04-amd64`.
 */
export function nameOfFile(path: string): string {
  let name = basename(path)
  for (let shorter = name.replace(ENDING, ''); shorter !== name && shorter !== ''; shorter = name.replace(ENDING, ''))
    name = shorter
  return name
}
