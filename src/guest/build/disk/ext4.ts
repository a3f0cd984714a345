import type { FileHandle } from 'node:fs/promises'
import { VdcError } from '../../../core/errors.ts'
import type { Identity } from '../identity.ts'
import { PARTITION_START } from './mbr.ts'
import type { RunTool } from './run-tool.ts'

/** The descriptor of the disk for the programs. */
const DISK = '/dev/fd/3'
/** Features that all kernels since 2014 and GRUB know, independent of the host's /etc/mke2fs.conf. */
const FEATURES = [
  ...['none', 'has_journal', 'ext_attr', 'resize_inode', 'dir_index', 'filetype', 'extent', '64bit', 'flex_bg'],
  ...['sparse_super', 'large_file', 'huge_file', 'dir_nlink', 'extra_isize', 'metadata_csum'],
]
/** Offset of the superblock in the filesystem, and of its numbers of inodes and of free inodes. */
const [SUPERBLOCK, INODES, FREE_INODES] = [1024, 0x0, 0x10]
/** The inode of the root folder, and the first one that is not reserved. */
const [ROOT_INODE, FIRST_INODE] = [2, 11]
const TIMES = ['atime', 'ctime', 'crtime']

/**
 * Makes an ext4 filesystem that fills the partition of a disk, with the files of a folder, and checks it. It depends on
 * nothing but the files, the identity and the time.
 *
 * @param disk open for writing.
 * @param time seconds since 1970.
 * @param writeText writes a text to a temporary file and returns its path.
 * @throws VdcError VALUE_REFUSED if the disk is too small; BUILD_FAILED, FILE_NOT_WRITTEN.
 */
export async function makeExt4(
  disk: { handle: FileHandle; size: number },
  folder: string,
  { filesystem, hashSeed }: Identity,
  time: number,
  run: RunTool,
  writeText: (text: string) => Promise<string>,
): Promise<void> {
  const { handle, size } = disk
  const descriptors = [handle.fd]
  // Since 1.47.1, e2fsprogs reads the usual variable.
  const env = { E2FSPROGS_FAKE_TIME: String(time), SOURCE_DATE_EPOCH: String(time) }
  const extended = [`offset=${PARTITION_START}`, `hash_seed=${hashSeed}`, 'root_owner=0:0']
  const whole = ['lazy_itable_init=0', 'lazy_journal_init=0']
  const form = ['-t', 'ext4', '-b', '4096', '-I', '256', '-i', '16384', '-O', FEATURES.join(), '-U', filesystem]
  const blocks = Math.floor((size - PARTITION_START) / 4096)
  await run('mke2fs', ['-q', '-F', ...form, '-E', [...extended, ...whole].join(), '-d', folder, DISK, String(blocks)], {
    env,
    descriptors,
  }).catch((error: unknown) => {
    throw isFull(error) ? tooSmall(size, error) : error
  })
  const offset = `${DISK}?offset=${PARTITION_START}`
  // mke2fs takes these times from the folder or the clock.
  const commands = await writeText(timeCommands(await lastInode(handle), time))
  await run('debugfs', ['-w', '-f', commands, offset], { env, descriptors })
  await run('e2fsck', ['-fn', offset], { env, descriptors })
}

/** Returns the last inode in use: mke2fs uses one after the other. */
async function lastInode(disk: FileHandle): Promise<number> {
  const bytes = Buffer.alloc(FREE_INODES + 4)
  await disk.read(bytes, 0, bytes.length, PARTITION_START + SUPERBLOCK)
  return bytes.readUInt32LE(INODES) - bytes.readUInt32LE(FREE_INODES)
}

/** Returns commands of debugfs(8) that set the times of all files which mke2fs does not set. */
function timeCommands(last: number, time: number): string {
  const inodes = [ROOT_INODE, ...Array.from({ length: last - FIRST_INODE + 1 }, (_, at) => FIRST_INODE + at)]
  return inodes.flatMap((inode) => TIMES.map((name) => `set_inode_field <${inode}> ${name} @${time}\n`)).join('')
}

function isFull(error: unknown): boolean {
  return (
    error instanceof VdcError && /allocate (?:block|inode)|no free space|too small|No space left/i.test(error.message)
  )
}

function tooSmall(size: number, cause: unknown): VdcError {
  return new VdcError('VALUE_REFUSED', `size ${Math.floor(size / 1024 ** 2)}M is too small for the guest`, {
    hint: 'Choose a larger disk with --size, for example 4G; its file takes only the space that is used',
    cause,
  })
}
