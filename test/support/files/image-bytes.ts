import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { execa } from 'execa'
import { crc32c } from '../../../src/disk/formats/crc32.ts'
import { noise } from '../../disk/formats/inspecting.ts'
import { bootSector, makeImage } from './images.ts'

/*
 * Images that no program writes, made by changing bytes of real ones. For the offsets, see the
 * inspectors in src/disk/formats, which name the specifications.
 */

/** Bytes to write at an offset. */
export type Patch = readonly [at: number, bytes: Buffer | string]

export const u16be = (value: number) => numberOf(2, (bytes) => bytes.writeUInt16BE(value))
export const u32be = (value: number) => numberOf(4, (bytes) => bytes.writeUInt32BE(value))
export const u32le = (value: number) => numberOf(4, (bytes) => bytes.writeUInt32LE(value))
export const u64be = (value: number | bigint) => numberOf(8, (bytes) => bytes.writeBigUInt64BE(BigInt(value)))
export const u64le = (value: number | bigint) => numberOf(8, (bytes) => bytes.writeBigUInt64LE(BigInt(value)))

function numberOf(length: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length)
  write(bytes)
  return bytes
}

/** Writes bytes into a file. */
export function patch(path: string, ...patches: Patch[]): string {
  const file = openSync(path, 'r+')
  for (const [at, bytes] of patches)
    writeSync(file, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, 0, null, at)
  closeSync(file)
  return path
}

/** Creates an image with qemu-img and writes bytes into it. */
export async function makePatched(
  path: string,
  format: string,
  patches: readonly Patch[],
  more: string[] = [],
): Promise<string> {
  return patch(await makeImage(path, { format, size: '16M', more }), ...patches)
}

/** The disk of `makeFull`, once it was made. */
let fullDisk: Buffer | undefined

/** Creates an image of 3 MiB with a boot sector and noise. */
export async function makeFull(path: string, format: string, more: string[] = []): Promise<string> {
  const raw = `${path}.source`
  fullDisk ??= Buffer.concat([bootSector(), noise(3 * 1024 * 1024 - 512, 9)])
  writeFileSync(raw, fullDisk)
  await execa('qemu-img', ['convert', '-f', 'raw', '-O', format, ...more, raw, path])
  return path
}

/** Returns a header extension of qcow2. */
export function qcow2Extension(type: number, text: string): Buffer {
  return Buffer.concat([
    u32be(type),
    u32be(text.length),
    Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8, '\0')),
  ])
}

/** Updates the checksum of a VHD footer, or of the header of a dynamic disk. */
export function sealVpc(path: string, at: number, length: number, checksumAt: number): string {
  const bytes = Buffer.from(readFileSync(path).subarray(at, at + length))
  bytes.writeUInt32BE(0, checksumAt)
  return patch(path, [at + checksumAt, u32be(~bytes.reduce((sum, byte) => sum + byte, 0) >>> 0)])
}

/** Creates a sparse VMDK and changes its descriptor. */
export async function makeVmdk(path: string, change: (descriptor: string) => string): Promise<string> {
  await makeImage(path, { format: 'vmdk', size: '16M' })
  const bytes = readFileSync(path)
  const [at, length] = [Number(bytes.readBigUInt64LE(28)) * 512, Number(bytes.readBigUInt64LE(36)) * 512]
  const text = bytes
    .subarray(at, at + length)
    .toString('latin1')
    .replace(/\0.*$/s, '')
  const changed = Buffer.alloc(length)
  changed.write(change(text), 'latin1')
  return patch(path, [at, changed])
}

/** A grain of a streamOptimized VMDK: its entry in the grain table, its marker and its data. */
export interface Grain {
  entryAt: number
  at: number
  /** Bytes of data after the marker of 12 bytes. */
  length: number
  sector: number
}

/** Returns the grains of a streamOptimized VMDK created by qemu-img, in the order of the disk. */
export function grainsOf(path: string): Grain[] {
  const bytes = readFileSync(path)
  const directory = Number(bytes.readBigUInt64LE(56)) * 512
  const tables = Math.ceil(Number(bytes.readBigUInt64LE(12)) / (128 * 512))
  const grains: Grain[] = []
  for (let entry = 0; entry < tables * 512; entry++) {
    const entryAt = bytes.readUInt32LE(directory + Math.floor(entry / 512) * 4) * 512 + (entry % 512) * 4
    const at = bytes.readUInt32LE(entryAt) * 512
    if (at === 0) continue
    grains.push({ entryAt, at, length: bytes.readUInt32LE(at + 8), sector: Number(bytes.readBigUInt64LE(at)) })
  }
  return grains
}

/** Updates the CRC-32C of a header or region table of a VHDX. */
export function sealVhdx(path: string, at: number, length: number): string {
  const bytes = Buffer.from(readFileSync(path).subarray(at, at + length))
  bytes.writeUInt32LE(0, 4)
  return patch(path, [at + 4, u32le(crc32c(bytes))])
}

const FILE_PARAMETERS = Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex')
const PARENT_LOCATOR = Buffer.from('2d5fd3a80bb34d45abf7d3d84834ab0c', 'hex')

/** Creates a VHDX with the flag of a parent, the locator of a parent, or both. */
export async function makeVhdxChild(
  path: string,
  { flag, parent }: { flag?: boolean; parent?: string },
): Promise<string> {
  await makeImage(path, { format: 'vhdx', size: '16M' })
  const bytes = readFileSync(path)
  const table = bytes.indexOf('metadata')
  const parameters = bytes.indexOf(FILE_PARAMETERS, table)
  if (flag) patch(path, [table + bytes.readUInt32LE(parameters + 16) + 4, u32le(2)])
  if (parent === undefined) return path
  const count = bytes.readUInt16LE(table + 10)
  const text = Buffer.from(`relative_path${parent}`, 'utf16le')
  const entry = Buffer.concat([PARENT_LOCATOR, u32le(0x40000), u32le(20 + text.length), u32le(4), u32le(0)])
  return patch(
    path,
    [table + 10, Buffer.from([count + 1, 0])],
    [table + 32 + count * 32, entry],
    [table + 0x40000 + 20, text],
  )
}
