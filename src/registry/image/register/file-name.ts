import { basename } from 'node:path'

/** Endings that say what a disk image's file is, and nothing of its contents. */
const ENDING = /\.(?:raw|img|image|iso|usb|qcow2?|qed|vmdk|vdi|vpc|vhdx?|hdd|hds|parallels|gz|tgz|tar)$/i

/** The name of a file without the endings of disk images: `lucid.raw.gz` is `lucid`, `ubuntu10.04-amd64.qcow2` is `ubuntu10.04-amd64`. */
export function nameOfFile(path: string): string {
  let name = basename(path)
  for (let shorter = name.replace(ENDING, ''); shorter !== name && shorter !== ''; shorter = name.replace(ENDING, ''))
    name = shorter
  return name
}
