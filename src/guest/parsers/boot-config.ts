import { type GuestFiles, join } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import { linesOf } from './lines.ts'

/** The command line of a kernel in the configuration of a boot loader. */
export interface KernelLine {
  path: GuestPath
  line: number
  /** The words after the kernel's file. */
  words: readonly string[]
}

/** Files with kernel command lines: GRUB 2, GRUB, and SYSLINUX with its kin. */
const FILES = [
  '/boot/grub/grub.cfg',
  '/boot/grub2/grub.cfg',
  '/boot/grub/menu.lst',
  '/boot/grub/grub.conf',
  '/boot/extlinux/extlinux.conf',
  '/boot/extlinux.conf',
  '/extlinux.conf',
  '/boot/syslinux/syslinux.cfg',
]
/** Folders of entries (https://uapi-group.org/specifications/specs/boot_loader_specification/). */
const ENTRIES = ['/boot/loader/entries', '/boot/efi/loader/entries', '/efi/loader/entries']
/** Variables of GRUB, of which `kernelopts` is in the entries of CentOS 8. */
const GRUB_ENVIRONMENTS = ['/boot/grub2/grubenv', '/boot/grub/grubenv']

const COMMAND = /^(?:linux(?:16|efi)?|kernel|append|options|kernelopts=)(?:[ \t]+|(?<==))(.*)$/i

/** Returns the kernel command lines of all boot loaders. */
export async function kernelLines(files: GuestFiles): Promise<KernelLine[]> {
  const paths = [...FILES, ...GRUB_ENVIRONMENTS]
  for (const folder of ENTRIES) paths.push(...(await files.matching(folder, /\.conf$/)))
  for (const efi of await files.names('/boot/efi/EFI')) paths.push(join(join('/boot/efi/EFI', efi), 'grub.cfg'))
  const lines: KernelLine[] = []
  const seen = new Set<GuestPath>()
  for (const path of paths) {
    const real = await files.leadsTo(path)
    if (seen.has(real)) continue
    seen.add(real)
    for (const { number, text } of linesOf((await files.text(path)) ?? '')) {
      const words = COMMAND.exec(text)?.[1]?.split(/[ \t]+/)
      if (words !== undefined) lines.push({ path, line: number, words })
    }
  }
  return lines
}
