import { lstatSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'

/*
 * Makers of filesystems in files, filled from a folder. None of them mounts anything, needs a loop device or
 * starts a virtual machine.
 */

const MIB = 2 ** 20

interface Options {
  mib?: number
  uuid?: string
  label?: string
}

/** Creates a file of zeros. */
export function makeZeros(path: string, mib: number): void {
  writeFileSync(path, '')
  truncateSync(path, mib * MIB)
}

/** Makes ext4, or another of its kin. Files keep their owners, modes and times. */
export async function makeExt(
  path: string,
  folder: string,
  { mib = 60, uuid, label, type = 'ext4' }: Options & { type?: 'ext2' | 'ext3' | 'ext4' } = {},
): Promise<void> {
  const named = [...(uuid === undefined ? [] : ['-U', uuid]), ...(label === undefined ? [] : ['-L', label])]
  await execa('mke2fs', ['-q', '-F', '-t', type, ...named, '-d', folder, path, `${mib}M`])
}

/** Makes XFS from a prototype file (mkfs.xfs(8)). It has at least 300 MiB, and names have no spaces or colons. */
export async function makeXfs(path: string, folder: string, { mib = 300, uuid }: Options = {}): Promise<void> {
  makeZeros(path, mib)
  const prototype = `${path}.proto`
  writeFileSync(prototype, ['-', '0 0', `d--${modeOf(folder)} 0 0`, ...prototypeOf(folder), '$', ''].join('\n'))
  const named = uuid === undefined ? [] : ['-m', `uuid=${uuid}`]
  await execa('mkfs.xfs', ['-q', '-f', ...named, '-p', prototype, path])
  rmSync(prototype)
}

function prototypeOf(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const stat = lstatSync(path)
    if (/[\s:]/.test(name)) throw new Error(`A prototype file cannot hold the name ${name}`)
    if (stat.isDirectory()) return [`${name} d--${modeOf(path)} 0 0`, ...prototypeOf(path), '$']
    if (stat.isSymbolicLink()) return [`${name} l--777 0 0 ${readlinkSync(path)}`]
    return [`${name} ---${modeOf(path)} 0 0 ${path}`]
  })
}

function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8).padStart(3, '0')
}

/** Makes btrfs without subvolumes. */
export async function makeBtrfs(path: string, folder: string, { mib = 160, uuid }: Options = {}): Promise<void> {
  makeZeros(path, mib)
  const named = uuid === undefined ? [] : ['-U', uuid]
  await execa('mkfs.btrfs', ['-q', '-f', ...named, '--rootdir', folder, path])
}

/** Makes FAT, as an EFI system partition has. The serial number has eight hexadecimal digits. */
export async function makeFat(path: string, folder: string, { mib = 40, uuid = '' }: Options = {}): Promise<void> {
  makeZeros(path, mib)
  await execa('mkfs.vfat', uuid === '' ? [path] : ['-i', uuid, path])
  for (const name of readdirSync(folder)) await execa('mcopy', ['-s', '-i', path, join(folder, name), '::/'])
}

/** Makes NTFS. */
export async function makeNtfs(path: string, folder: string, { mib = 30 }: Options = {}): Promise<void> {
  makeZeros(path, mib)
  await execa('mkfs.ntfs', ['-q', '-F', path])
  const archive = `${path}.wim`
  await execa('wimcapture', ['--compress=none', folder, archive])
  await execa('wimapply', [archive, path])
  rmSync(archive)
}

/** Makes an encrypted volume, with nothing in it. */
export async function makeLuks(path: string, { mib = 20 }: Options = {}): Promise<void> {
  makeZeros(path, mib)
  const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000']
  await execa('cryptsetup', ['luksFormat', '-q', '--type', 'luks2', ...quick, path, '-'], { input: 'passphrase' })
}

/** Makes a swap area. */
export async function makeSwap(path: string, { mib = 8, uuid }: Options = {}): Promise<void> {
  makeZeros(path, mib)
  await execa('mkswap', uuid === undefined ? [path] : ['-U', uuid, path])
}
