import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { inject } from 'vitest'

/** Creates a folder for image files, for one test. Its name can be part of a URI without escapes. */
export function newFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(inject('folder'), 'images-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Returns the first sector of a disk that looks bootable: an MBR with one active partition, directly after it. */
export function bootSector(): Buffer {
  const sector = Buffer.alloc(512)
  sector.write('80000000830000000100000001000000', 446, 'hex')
  sector.write('55aa', 510, 'hex')
  return sector
}

/** Returns the bytes of a raw disk that looks bootable. */
export function rawDisk(size: number): Buffer {
  return Buffer.concat([bootSector(), Buffer.alloc(size - 512)])
}

/** A cache of plain qcow2 images by size. qemu-img always creates the same bytes. */
const plain = new Map<string, Buffer>()

/** Creates a disk image with qemu-img. Raw images look bootable, so that they cause no warning. */
export async function makeImage(
  path: string,
  { format = 'qcow2', size = '1G', more = [] }: { format?: string; size?: string; more?: string[] } = {},
): Promise<string> {
  const isPlain = format === 'qcow2' && more.length === 0
  const known = isPlain ? plain.get(size) : undefined
  if (known === undefined) await execa('qemu-img', ['create', '-q', '-f', format, ...more, path, size])
  else writeFileSync(path, known)
  if (isPlain) plain.set(size, known ?? readFileSync(path))
  if (format === 'raw') writeFileSync(path, bootSector(), { flag: 'r+' })
  return path
}

/** Returns the hash of a file in hexadecimal. */
export function hashOf(path: string, algorithm: 'md5' | 'sha256'): string {
  return createHash(algorithm).update(readFileSync(path)).digest('hex')
}
