import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { answersOnBytes, answersOnFile, isRefused, noise } from './inspecting.ts'

const NULS = Buffer.alloc(8192)
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')

describe('text files', () => {
  test.each<[title: string, start: string | Buffer]>([
    ['a text file', 'Some words, and no more.\n'],
    ['a text file', Buffer.from('Käse für 5 €, 한국어.\n'.repeat(500))],
    ['a text file', Buffer.from('K\xe4se f\xfcr f\xfcnf Franken.\n', 'latin1')],
    ['a text file', utf16('Käse für 5 €.\r\n')],
    ['a text file', utf16('Käse für 5 €.\r\n').swap16()],
    ['an HTML page', '\n<!-- x -->\n<!DOCTYPE html><html><body>404 Not Found</body></html>'],
    ['an HTML page', utf16('<html><head><title>Sign in</title></head></html>')],
    ['an XML file', '<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'],
    ['an OVF descriptor', '<?xml version="1.0"?><Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1">'],
    ['a JSON file', '{\n  "error": "not found"\n}'],
    ['a JSON file', '[{"id": 1}]'],
    ['a shell script', '#!/bin/bash\necho\n'],
    ['a script', '#!/usr/bin/env python3\n'],
    ['a cloud-init file', '#cloud-config\npackages: []\n'],
    ['a PEM file, a key or a certificate', '-----BEGIN CERTIFICATE-----\nMIIB\n'],
    ['a Git LFS pointer without the file itself', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n'],
    ['a list of checksums', `${'0'.repeat(64)}  disk.raw\n`],
    ['an RTF document', '{\\rtf1\\ansi Text}'],
  ])('recognises %s (%#)', async (title, start) => {
    expect(await answersOnBytes(start)).toMatchObject([{ title, kind: 'foreign' }])
  })

  test('recognises HTML and JSON before NULs, but not other text, which may be the start of a disk', async () => {
    expect(await answersOnBytes('<!doctype html><title>x</title>', NULS)).toMatchObject([{ title: 'an HTML page' }])
    expect(await answersOnBytes('{"error": "not found"}', NULS)).toMatchObject([{ title: 'a JSON file' }])
    expect(await answersOnBytes('Some words', NULS)).toEqual([])
    expect(await answersOnBytes('[1', NULS)).toEqual([])
    expect(await answersOnBytes(Buffer.alloc(8192, 0xff))).toEqual([])
  })

  test('leaves VMDK descriptors to the VMDK inspector', async () => {
    const answers = await answersOnBytes('# Disk DescriptorFile\nversion=1\nRW 2048 FLAT "x" 0\n')
    expect(answers.filter(({ name }) => name === 'text')).toEqual([])
  })
})

/** Returns an ELF header with the fields that the inspector reads. */
function elfFile(width: number, order: number, machine: number): Buffer {
  const bytes = Buffer.from(`\x7fELF${String.fromCharCode(width, order, 1)}`.padEnd(64, '\0'), 'latin1')
  if (order === 1) bytes.writeUInt16LE(machine, 18)
  else bytes.writeUInt16BE(machine, 18)
  return bytes
}

function peFile(machine: number, subsystem: number): Buffer {
  const bytes = Buffer.alloc(512)
  bytes.write('MZ', 0)
  bytes.writeUInt32LE(128, 60)
  bytes.write('PE\0\0', 128, 'latin1')
  bytes.writeUInt16LE(machine, 132)
  bytes.writeUInt16LE(subsystem, 220)
  return bytes
}

function bytesAt(size: number, ...parts: [at: number, text: string][]): Buffer {
  const bytes = Buffer.alloc(size)
  for (const [at, text] of parts) bytes.write(text, at, 'latin1')
  return bytes
}

/** The header of an ARM64 kernel made by mkimage. */
const UIMAGE = '27051956c48032ed6b057c93000000030000000000000000ed6f7a7a05160200'

test.each<[title: string, arch: string | undefined, bytes: Buffer]>([
  ['an ELF file for ARM64', 'arm64', elfFile(2, 1, 183)],
  ['an ELF file for x86', 'x86', elfFile(1, 1, 3)],
  ['an ELF file for IBM Z', 's390x', elfFile(2, 2, 22)],
  ['an ELF file for RISC-V', 'riscv64', elfFile(2, 1, 243)],
  ['an ELF file', undefined, elfFile(2, 1, 4711)],
  ['a Windows program for x86-64', 'x86_64', peFile(0x8664, 3)],
  ['an EFI program for ARM64', 'arm64', peFile(0xaa64, 10)],
  ['a Linux kernel for ARM64', 'arm64', bytesAt(512, [56, 'ARM\x64'])],
  ['a Linux kernel for RISC-V', 'riscv64', bytesAt(512, [56, 'RSC\x05'])],
  ['a Linux kernel for ARM', 'arm', bytesAt(512, [36, '\x18\x28\x6f\x01'])],
  ['a Linux kernel for x86', 'x86', bytesAt(2048, [0x1fe, '\x55\xaa'], [0x202, 'HdrS\x0f\x02'])],
  ['a Linux kernel for x86-64', 'x86_64', bytesAt(2048, [0x1fe, '\x55\xaa'], [0x202, 'HdrS\x0f\x02'], [0x236, '\x7f'])],
  ['a Linux kernel for ARM64', 'arm64', Buffer.from(UIMAGE.padEnd(128, '0'), 'hex')],
  ['a cpio archive or an initial RAM disk', undefined, Buffer.from(`070701${'0000ABCD'.repeat(13)}TRAILER!!!\0`)],
  ['a PDF document', undefined, Buffer.from('%PDF-1.7\n')],
  ['an office document or a Windows installer', undefined, Buffer.from('d0cf11e0a1b11ae1', 'hex')],
  ['a PNG picture', undefined, Buffer.from('89504e470d0a1a0a', 'hex')],
  ['a JPEG picture', undefined, Buffer.from('ffd8ffe000104a464946', 'hex')],
  ['a GIF picture', undefined, Buffer.from('GIF89a\x01\0\x01\0')],
  ['a WAV audio file', undefined, Buffer.from('RIFF\0\x10\0\0WAVEfmt ')],
  ['an Ogg audio or video file', undefined, Buffer.from('OggS\0\x02\0\0')],
  ['an MP3 audio file', undefined, Buffer.from('ID3\x03\0\0\0\0\x0f\x76')],
  ['an MP4 or QuickTime video', undefined, Buffer.from('\0\0\0\x20ftypisom')],
  [
    'a Matroska or WebM video',
    undefined,
    Buffer.from('1a45dfa39f4286810142f7810142f2810442f381084282847765626d', 'hex'),
  ],
  ['an SQLite database', undefined, Buffer.from('SQLite format 3\0')],
  ['a Java class file', undefined, Buffer.from('cafebabe00000041', 'hex')],
  ['a macOS program', undefined, Buffer.from('cffaedfe0c000001', 'hex')],
  ['a macOS program', undefined, Buffer.from('cafebabe0000000201000007', 'hex')],
  ['a WebAssembly module', undefined, Buffer.from('\0asm\x01\0\0\0')],
  ['a Windows shortcut', undefined, Buffer.from('4c0000000114020000000000c000000000000046', 'hex')],
])('recognises %s by its first bytes', async (title, arch, start) => {
  const answers = await answersOnBytes(start, Buffer.alloc(512), noise(4096, 4))
  expect(answers.find((answer) => answer.title === title)).toMatchObject({ kind: 'foreign' })
  expect(answers[0]?.arch).toBe(arch)
  expect(answers.filter(({ kind }) => kind !== 'foreign')).toEqual([])
})

const SIZE = 8192
/** Images that QEMU can only read. */
test.each<[name: string, bytes: Buffer, expected: object]>([
  [
    'bochs',
    bytesAt(SIZE, [0, 'Bochs Virtual HD Image'], [32, 'Redolog'], [48, 'Growing'], [64, '\0\0\x02\0'], [89, '\x40']),
    { virtualSize: 16384, version: 2 },
  ],
  [
    'bochs',
    bytesAt(SIZE, [0, 'Bochs Virtual HD Image'], [32, 'Redolog'], [48, 'Undoable'], [64, '\0\0\x01\0'], [85, '\x40']),
    { virtualSize: 16384, version: 1, references: ['a base image (it contains only changes)'] },
  ],
  [
    'cloop',
    bytesAt(SIZE, [0, '#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0'], [130, '\x10'], [135, '\x03']),
    { virtualSize: 12288 },
  ],
  [
    'dmg',
    bytesAt(SIZE, [SIZE - 512, 'koly\0\0\0\x04\0\0\x02\0'], [SIZE - 512 + 499, '\x09']),
    { virtualSize: 9 * 512, at: SIZE - 512 },
  ],
])('refuses %s and names the command that converts it', async (name, bytes, expected) => {
  const why = `is in ${name} format, which instances cannot use`
  const hint = `Convert it: qemu-img convert -f ${name} -O qcow2 {file} OUT.qcow2`
  expect(await answersOnBytes(bytes)).toMatchObject([{ name, kind: 'image', refusals: [{ why, hint }], ...expected }])
})

test.each([
  [1, bytesAt(SIZE, [0, 'LUKS\xba\xbe\0\x01'], [106, '\x10\0']), 4096 * 512],
  [2, bytesAt(SIZE, [0, 'LUKS\xba\xbe\0\x02'], [13, '\x40\0']), 2 * 16384 * 256],
])('reports LUKS%i as encrypted', async (version, bytes, end) => {
  expect(await answersOnBytes(bytes)).toMatchObject([{ name: 'luks', version, isEncrypted: true, end }])
})

/** Boot media and kernels of Debian packages, and their titles. Missing packages are skipped. */
const BOOT: [path: string, titles: string[]][] = [
  ['/usr/lib/grub-rescue/grub-rescue-cdrom.iso', ['a disk with an MBR', 'an ISO 9660 image']],
  ['/usr/lib/grub-rescue/grub-rescue-floppy.img', ['a disk with an MBR', 'an ISO 9660 image']],
  ['/usr/lib/grub-rescue/grub-rescue-usb.img', ['a disk with an MBR', 'an ISO 9660 image']],
  ['/usr/lib/ipxe/ipxe.iso', ['a disk with an MBR', 'an ISO 9660 image']],
  ['/usr/lib/memtest86+/memtest86+x64.iso', ['a disk with an MBR', 'an ISO 9660 image']],
  ['/usr/lib/memtest86+/memtest86+ia32.iso', ['a disk with an MBR', 'an ISO 9660 image']],
  ['/boot/memtest86+x64.bin', ['a Linux kernel for x86-64']],
  ['/boot/memtest86+x64.efi', ['a Linux kernel for x86-64', 'an EFI program for x86-64']],
  ['/usr/lib/ipxe/ipxe.lkrn', ['a Linux kernel for x86']],
  ['/usr/lib/ipxe/ipxe.efi', ['an EFI program for x86-64']],
]

test.each(BOOT.filter(([path]) => existsSync(path)))('recognises %s', async (path, titles) => {
  const { length } = readFileSync(path)
  const answers = await answersOnFile(path)
  expect(answers.map(({ title }) => title).sort()).toEqual(titles)
  expect(isRefused(answers, length)).toBe(false)
  expect(answers.flatMap(({ warnings }) => warnings ?? [])).toEqual([])
})

test('recognises nothing in zeros and noise', async () => {
  expect(await answersOnBytes(Buffer.alloc(2 * 1024 * 1024))).toEqual([])
  for (let seed = 1; seed <= 32; seed++) expect(await answersOnBytes(noise(512 * 1024, seed))).toEqual([])
})

test('does not take a signature in noise for a filesystem', async () => {
  const signatures: [at: number, bytes: string][] = [
    [1080, '\x53\xef'],
    [510, '\x55\xaa'],
    [0, 'XFSB'],
    [3, 'NTFS    '],
    [3, 'EXFAT   '],
    [1024, '\x10\x20\xf5\xf2'],
    [32768, 'JFS1'],
    [65600, '_BHRfS_M'],
    [65588, 'ReIsErFs\0'],
    [0, 'hsqs'],
    [1024, '\xe2\xe1\xf5\xe0'],
    [1024, 'H+'],
    [32, 'NXSB'],
    [65536 + 1372, '\x19\x01\x54\x19'],
    [512, 'LABELONE'],
    [4086, 'SWAPSPACE2'],
    [512, 'EFI PART'],
    [32769, 'CD001'],
    [34817, 'NSR03'],
  ]
  for (const [at, signature] of signatures) {
    const bytes = noise(256 * 1024, 77)
    bytes.write(signature, at, 'latin1')
    expect(await answersOnBytes(bytes)).toEqual([])
  }
})

test('throws nothing but refusals for changed headers', async () => {
  for (const path of ['/usr/lib/grub-rescue/grub-rescue-floppy.img', '/usr/lib/ipxe/ipxe.iso']) {
    const original = readFileSync(path).subarray(0, 256 * 1024)
    const places = noise(4096, 5)
    for (let round = 0; round < 512; round++) {
      const bytes = Buffer.from(original)
      for (const base of [446, 32768]) bytes[base + (places.readUInt32LE(round * 4) % 200)] = places[round] as number
      await answersOnBytes(bytes)
    }
  }
})
