import { readFileSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'
import { bootSector } from './images.ts'

/** Compressed data in an image file: its offset in the file and on the disk. */
export interface Compressed {
  at: number
  length: number
  diskOffset: number
}

export const CLUSTER = 64 * 1024

/** Creates an image of `clusters` clusters. Each has different text, which compresses well. */
export async function makeCompressed(
  path: string,
  format: string,
  clusters: number,
  more: string[] = ['-c'],
): Promise<string> {
  const lines = Array.from({ length: clusters * (CLUSTER / 16) }, (_, at) =>
    `${(at * 2654435761) % 1e12}`.padEnd(15, '.'),
  )
  const bytes = Buffer.from(`${lines.join('\n')}\n`)
  bootSector().copy(bytes)
  writeFileSync(`${path}.source`, bytes)
  await execa('qemu-img', ['convert', '-f', 'raw', '-O', format, ...more, `${path}.source`, path])
  return path
}

/** Returns the compressed clusters of a qcow2 file, in file order (docs/interop/qcow2.txt of QEMU, "Cluster mapping"). */
export function compressedClusters(path: string): Compressed[] {
  const file = readFileSync(path)
  const [bits, count, l1] = [file.readUInt32BE(20), file.readUInt32BE(36), Number(file.readBigUInt64BE(40))]
  const entries = 2 ** bits / 8
  const found: Compressed[] = []
  for (let first = 0; first < count; first++) {
    const table = Number(file.readBigUInt64BE(l1 + first * 8) & 0x00ff_ffff_ffff_fe00n)
    for (let second = 0; table !== 0 && second < entries; second++) {
      const entry = file.readBigUInt64BE(table + second * 8)
      if (((entry >> 62n) & 1n) === 0n) continue
      const at = Number(entry & ((1n << BigInt(62 - (bits - 8))) - 1n))
      found.push({ at, length: 0, diskOffset: (first * entries + second) * 2 ** bits })
    }
  }
  found.sort((a, b) => a.at - b.at)
  // There are no gaps between them, and the last one reaches to the end of the file.
  for (const [number, each] of found.entries()) each.length = (found[number + 1]?.at ?? file.length) - each.at
  return found
}

/** Returns the grains of a streamOptimized VMDK file, found by their markers (VMware's Virtual Disk Format 1.1, "Grain marker"). */
export function compressedGrains(path: string): Compressed[] {
  const file = readFileSync(path)
  const found: Compressed[] = []
  for (let sector = Number(file.readBigUInt64LE(64)); sector * 512 + 512 <= file.length; ) {
    const at = sector * 512
    const [value, length] = [Number(file.readBigUInt64LE(at)), file.readUInt32LE(at + 8)]
    if (length > 0) found.push({ at: at + 12, length, diskOffset: value * 512 })
    // A metadata marker has the length in sectors of the metadata after it.
    sector += length > 0 ? Math.ceil((12 + length) / 512) : 1 + value
  }
  return found
}
