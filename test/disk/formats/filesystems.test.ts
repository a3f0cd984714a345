import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { answersOnBytes, answersOnFile, isRefused, noise } from './inspecting.ts'

const MIB = 1024 * 1024

interface RealFile {
  title: string
  /** Size of the file before the command, in MiB. */
  size?: number
  /** Command that makes it. IMAGE stands for the file, SOURCE for a folder with files. */
  command: string
  /** Standard input of the command. */
  input?: string
  /** Other titles that are recognised. */
  also?: string[]
  /** The most bytes at the end that are not part of it. */
  slack?: number
}

/** Filesystems and partition tables, each made by its own tool. */
const FILES: Record<string, RealFile> = {
  ext2: { title: 'an ext2 filesystem', size: 8, command: 'mkfs.ext2 -q IMAGE' },
  ext3: { title: 'an ext3 filesystem', size: 8, command: 'mkfs.ext3 -q IMAGE' },
  ext4: { title: 'an ext4 filesystem', size: 8, command: 'mkfs.ext4 -q IMAGE' },
  'ext4 with small blocks': { title: 'an ext4 filesystem', size: 8, command: 'mkfs.ext4 -q -b 1024 -O ^64bit IMAGE' },
  'ext4 with clusters': { title: 'an ext4 filesystem', size: 64, command: 'mkfs.ext4 -q -O bigalloc -C 65536 IMAGE' },
  xfs: { title: 'an XFS filesystem', size: 320, command: 'mkfs.xfs -q IMAGE' },
  btrfs: { title: 'a btrfs filesystem', size: 128, command: 'mkfs.btrfs -q IMAGE' },
  fat12: { title: 'a FAT12 filesystem', size: 8, command: 'mkfs.vfat -F 12 IMAGE', slack: 32768 },
  fat16: { title: 'a FAT16 filesystem', size: 32, command: 'mkfs.vfat -F 16 IMAGE', slack: 32768 },
  fat32: { title: 'a FAT32 filesystem', size: 300, command: 'mkfs.vfat -F 32 IMAGE', slack: 32768 },
  'fat with a partition table': {
    title: 'a FAT16 filesystem',
    size: 32,
    command: 'mkfs.vfat -F 16 --mbr=y IMAGE',
    also: ['a disk with an MBR'],
    slack: 32768,
  },
  ntfs: { title: 'an NTFS filesystem', size: 16, command: 'mkfs.ntfs -q -F IMAGE', slack: 4096 },
  exfat: { title: 'an exFAT filesystem', size: 16, command: 'mkfs.exfat IMAGE' },
  f2fs: { title: 'an F2FS filesystem', size: 64, command: 'mkfs.f2fs -q IMAGE' },
  jfs: { title: 'a JFS filesystem', size: 32, command: 'mkfs.jfs -q IMAGE' },
  reiserfs: { title: 'a ReiserFS filesystem', size: 64, command: 'mkfs.reiserfs -q -ff IMAGE' },
  squashfs: { title: 'a SquashFS filesystem', command: 'mksquashfs SOURCE IMAGE -quiet -no-progress', slack: 4096 },
  erofs: { title: 'an EROFS filesystem', command: 'mkfs.erofs IMAGE SOURCE' },
  ufs1: { title: 'a UFS1 filesystem', command: 'makefs -t ffs -o version=1 IMAGE SOURCE' },
  ufs2: { title: 'a UFS2 filesystem', command: 'makefs -t ffs -o version=2 IMAGE SOURCE' },
  'big-endian ufs2': {
    title: 'a UFS2 filesystem',
    command: 'makefs -B be -t ffs -o version=2 IMAGE SOURCE',
  },
  udf: { title: 'a UDF image', size: 16, command: 'mkudffs IMAGE', slack: MIB },
  'udf of a DVD': { title: 'a UDF image', size: 16, command: 'mkudffs -b 2048 --media-type=dvd IMAGE', slack: MIB },
  swap: { title: 'swap space', size: 1, command: 'mkswap -q IMAGE' },
  'swap with large pages': { title: 'swap space', size: 1, command: 'mkswap -q -p 65536 IMAGE' },
  iso: { title: 'an ISO 9660 image', command: 'xorriso -as mkisofs -quiet -o IMAGE SOURCE' },
  'iso without padding': {
    title: 'an ISO 9660 image',
    command: 'xorriso -as mkisofs -quiet -no-pad -o IMAGE SOURCE',
  },
  'hybrid iso': {
    title: 'an ISO 9660 image',
    command: 'xorriso -as mkisofs -quiet --protective-msdos-label -partition_cyl_align on -o IMAGE SOURCE',
    also: ['a disk with an MBR'],
  },
  mbr: { title: 'a disk with an MBR', size: 8, command: 'sfdisk -q IMAGE', input: ',,L,*' },
  gpt: {
    title: 'a disk with a GPT',
    size: 8,
    command: 'sfdisk -q IMAGE',
    input: 'label: gpt\n,,L',
    also: ['a disk with an MBR'],
  },
  'gpt with many entries': {
    title: 'a disk with a GPT',
    size: 8,
    command: 'sfdisk -q IMAGE',
    input: 'label: gpt\ntable-length: 2048\n,,L',
    also: ['a disk with an MBR'],
  },
}

describe('contents of a raw disk', () => {
  const folder = newFolder()
  const source = join(folder.path, 'source')
  const pathOf = (name: string) => join(folder.path, name.replaceAll(' ', '-'))
  beforeAll(() => {
    mkdirSync(source)
    writeFileSync(join(source, 'data'), noise(2 * MIB, 1))
  })
  afterAll(() => folder.remove())

  async function make(name: string, { size, command, input = '' }: RealFile): Promise<string> {
    const path = pathOf(name)
    if (size !== undefined) {
      writeFileSync(path, '')
      truncateSync(path, size * MIB)
    }
    const [program, ...args] = command
      .split(' ')
      .map((word) => (word === 'IMAGE' ? path : word === 'SOURCE' ? source : word)) as [string, ...string[]]
    const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
    await execa(program, args, { env, input })
    return path
  }

  /** Returns the first bytes of a file. */
  async function startOf(path: string, length: number): Promise<Buffer> {
    const handle = await open(path)
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  }

  test.each(Object.entries(FILES))('recognises %s, and refuses it when truncated', async (name, file) => {
    const path = await make(name, file)
    const { size } = statSync(path)
    const answers = await answersOnFile(path)
    expect(answers.map(({ title }) => title).sort()).toEqual([file.title, ...(file.also ?? [])].sort())
    expect(answers.flatMap(({ refusals, warnings }) => [...(refusals ?? []), ...(warnings ?? [])])).toEqual([])
    expect(isRefused(answers, size)).toBe(false)
    const end = Math.max(...answers.map((answer) => Number(answer.end ?? 0)))
    expect(size - end).toBeLessThanOrEqual(file.slack ?? 0)
    expect(isRefused(await answersOnFile(path, Math.floor(size / 2)), Math.floor(size / 2))).toBe(true)
    expect(isRefused(await answersOnFile(path, end - 512), end - 512)).toBe(true)
    // Truncated in its headers, it is refused or not recognised, but nothing else is thrown.
    const start = await startOf(path, 66_000)
    for (const length of [0, 1, 5, 511, 512, 600, 1025, 1100, 2048, 8200, 32770, 33000, 65600, 66000]) {
      if (length < size / 2) await answersOnBytes(start.subarray(0, length))
    }
  })

  test('takes the architecture from root and /usr partitions, unless they differ', async () => {
    const archOf = async (...types: string[]) => {
      const input = `label: gpt\n${types.map((type) => `,1M,${type}\n`).join('')}`
      const path = await make('arch', { title: '', size: 8, command: 'sfdisk -q IMAGE', input })
      return (await answersOnFile(path)).find(({ name }) => name === 'gpt')?.arch
    }
    const [linux, x86Root, longRoot] = [
      '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
      '44479540-F297-41B2-9AF7-D131D5F0458A',
      '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
    ]
    const [longUsr, armRoot] = ['8484680C-9521-48C6-9C11-B0720656F69E', 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE']
    expect(await archOf(linux, x86Root)).toBe('x86')
    expect(await archOf(linux, longRoot, longUsr)).toBe('x86_64')
    expect(await archOf(armRoot)).toBe('arm64')
    expect(await archOf(linux)).toBeUndefined()
    expect(await archOf(longRoot, armRoot)).toBeUndefined()
  })

  test('accepts a GPT on a disk that grew, warns of a lost backup, and refuses a damaged header', async () => {
    const file = FILES.gpt as RealFile
    const path = await make('gpt-grown', file)
    truncateSync(path, 32 * MIB)
    expect(isRefused(await answersOnFile(path), 32 * MIB)).toBe(false)
    truncateSync(path, 4 * MIB)
    truncateSync(path, 32 * MIB)
    expect((await answersOnFile(path)).flatMap(({ warnings }) => warnings ?? [])).toEqual([
      'has no backup GPT where its header says',
    ])
    const handle = await open(path, 'r+')
    await handle.write('changed', 570)
    await handle.close()
    expect((await answersOnFile(path)).flatMap(({ refusals }) => refusals ?? [])).toEqual([
      { why: 'is damaged: the checksum of its GPT header is wrong', hint: 'Download or copy the file again' },
    ])
  })

  test('recognises a GPT with sectors of 4096 bytes', async () => {
    const small = readFileSync(await make('small-sectors', { ...(FILES.gpt as RealFile), size: 2 }))
    // The tables count in sectors, so they are valid for larger sectors too.
    const large = Buffer.alloc(small.length * 8)
    for (let number = 0; number < small.length / 512; number++) {
      const sector = small.subarray(number * 512, (number + 1) * 512)
      // Entries are contiguous, regardless of the sector size.
      if (number < 2 || number === small.length / 512 - 1) sector.copy(large, number * 4096)
      else if (number < 34) sector.copy(large, 2 * 4096 + (number - 2) * 512)
    }
    expect((await answersOnBytes(large)).find(({ name }) => name === 'gpt')).toMatchObject({
      at: 4096,
      end: large.length,
      warnings: [],
    })
  })

  test('accepts a hybrid ISO truncated in its backup GPT, but not in its partitions', async () => {
    const appended = await make('appended', FILES.fat12 as RealFile)
    const options = `-append_partition 2 0xef ${appended} -appended_part_as_gpt`
    const command = `xorriso -as mkisofs -quiet -o IMAGE ${options} SOURCE`
    const path = await make('hybrid-gpt', { title: '', command })
    const { size } = statSync(path)
    expect(isRefused(await answersOnFile(path), size)).toBe(false)
    // Ends with the backup GPT.
    const partition = (await answersOnFile(path)).find(({ name }) => name === 'gpt')?.end as number
    expect(partition).toBe(size)
    const withoutBackup = size - 34 * 512
    expect(isRefused(await answersOnFile(path, size - 512), size - 512)).toBe(false)
    expect(isRefused(await answersOnFile(path, withoutBackup - 8 * MIB), withoutBackup - 8 * MIB)).toBe(true)
  })
})

/** Returns a boot sector with partitions. */
function bootSector(...partitions: { status?: number; type: number; start: number; length: number }[]): Buffer {
  const sector = Buffer.alloc(512)
  partitions.forEach(({ status = 0, type, start, length }, number) => {
    const at = 446 + number * 16
    sector.writeUInt8(status, at)
    sector.writeUInt8(type, at + 4)
    sector.writeUInt32LE(start, at + 8)
    sector.writeUInt32LE(length, at + 12)
  })
  sector.writeUInt16BE(0x55aa, 510)
  return sector
}

const LINUX = 0x83
const warningOf = (needed: number, size: number) => [`claims to have ${needed} bytes, but the file has ${size}`]

test.each([
  ['one partition', [{ type: LINUX, start: 1, length: 7 }], { end: 4096 }],
  [
    'a protective MBR without a GPT',
    [{ type: 0xee, start: 1, length: 0xffffffff }],
    { warnings: ['has a protective MBR but no GPT'], end: 1024 },
  ],
  [
    'a protective MBR of a disk truncated before its GPT',
    [{ type: 0xee, start: 1, length: 16383 }],
    { warnings: ['has a protective MBR but no GPT'], end: 16384 * 512 },
  ],
  ['a truncated small disk', [{ type: LINUX, start: 1, length: 4095 }], { end: 4096 * 512 }],
  [
    'a truncated partition of the whole disk',
    [{ status: 0x80, type: LINUX, start: 0, length: 4096 }],
    { end: 4096 * 512 },
  ],
  ['a truncated disk', [{ type: LINUX, start: 2048, length: 1000000 }], { end: 1002048 * 512 }],
  [
    'the USB image of iPXE, which is shorter than its partitions',
    [
      { type: 0xe0, start: 32, length: 2016 },
      { status: 0x80, type: 0xeb, start: 2048, length: 4096 },
    ],
    { warnings: warningOf(6144 * 512, 4096) },
  ],
  [
    'a BSD on the whole disk',
    [{ status: 0x80, type: 0xa5, start: 0, length: 50000 }],
    { warnings: warningOf(50000 * 512, 4096) },
  ],
  ['no partition', [], undefined],
  ['a partition of length 0', [{ type: LINUX, start: 1, length: 0 }], undefined],
  ['boot code instead of a table', [{ status: 0x7f, type: LINUX, start: 1, length: 1 }], undefined],
])('MBR: %s', async (_, partitions, expected) => {
  const [answer] = await answersOnBytes(bootSector(...partitions), Buffer.alloc(4096 - 512))
  if (expected === undefined) expect(answer).toBeUndefined()
  else {
    const { endsWithPartitions: _, ...rest } = answer ?? {}
    expect(rest).toEqual({ name: 'mbr', kind: 'contents', title: 'a disk with an MBR', at: 510, ...expected })
  }
})

/** Returns bytes with texts and big-endian numbers at the given offsets. */
function bytesWith(size: number, parts: [at: number, value: string | number | bigint][]): Buffer {
  const bytes = Buffer.alloc(size)
  for (const [at, value] of parts) {
    if (typeof value === 'string') bytes.write(value, at, 'latin1')
    else if (typeof value === 'bigint') bytes.writeBigUInt64BE(value, at)
    else bytes.writeUInt32BE(value, at)
  }
  return bytes
}

/** Filesystems that no tool on our systems makes, written from the specifications. Each ends at 1 MiB. */
const MADE: [title: string, bytes: Buffer][] = [
  [
    'an HFS+ filesystem',
    bytesWith(4096, [
      [1024, 'H+\0\x04'],
      [1064, 4096],
      [1068, 256],
    ]),
  ],
  [
    'an HFS+ filesystem',
    bytesWith(4096, [
      [1024, 'HX\0\x05'],
      [1064, 4096],
      [1068, 256],
    ]),
  ],
  ['an APFS container', bytesWith(4096, [[32, 'NXSB\0\x10\0\0\0\x01']])],
  [
    'an LVM physical volume',
    bytesWith(4096, [
      [512, 'LABELONE\x01'],
      [532, '\x20\0\0\0LVM2 001'],
      [576, '\0\0\x10'],
    ]),
  ],
]

test.each(MADE)('recognises %s by the bytes of its specification', async (title, bytes) => {
  expect(await answersOnBytes(bytes)).toMatchObject([{ title, kind: 'contents', end: MIB }])
})

test('accepts a truncated floppy image if its files are complete, but no truncated larger disk', async () => {
  const folder = newFolder()
  try {
    for (const [size, isAllowed] of [
      [1440, true],
      [2880, true],
      [8192, false],
    ] as const) {
      const path = join(folder.path, `${size}.img`)
      await execa('/usr/sbin/mkfs.vfat', ['-C', path, `${size}`])
      const answers = await answersOnFile(path, 300 * 1024)
      expect(isRefused(answers, 300 * 1024)).toBe(!isAllowed)
      if (!isAllowed) continue
      expect(answers[0]?.warnings).toEqual(warningOf(size * 1024, 300 * 1024))
      const content = join(folder.path, 'content')
      writeFileSync(content, noise(400 * 1024, size))
      await execa('mcopy', ['-i', path, content, '::content'])
      expect(isRefused(await answersOnFile(path, 300 * 1024), 300 * 1024)).toBe(true)
      expect(isRefused(await answersOnFile(path, 500 * 1024), 500 * 1024)).toBe(false)
    }
  } finally {
    folder.remove()
  }
})
