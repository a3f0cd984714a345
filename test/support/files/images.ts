import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { inject } from 'vitest'

/** A folder for image files that a test has for itself; its name is one that a URI can hold. */
export function newFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(inject('folder'), 'images-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The first sector of a disk that looks as if it boots: an MBR with one active partition, right behind it. */
export function bootSector(): Buffer {
  const sector = Buffer.alloc(512)
  sector.write('80000000830000000100000001000000', 446, 'hex')
  sector.write('55aa', 510, 'hex')
  return sector
}

/** The bytes of a raw disk that looks as if it boots. */
export function rawDisk(size: number): Buffer {
  return Buffer.concat([bootSector(), Buffer.alloc(size - 512)])
}

/** What qemu-img made of plain qcow2 images, by their size: it makes the same bytes each time. */
const plain = new Map<string, Buffer>()

/** Makes a disk image with qemu-img; a raw one looks as if it boots, so that nothing warns of it. */
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

/** The hash of a file, hex. */
export function hashOf(path: string, algorithm: 'md5' | 'sha256'): string {
  return createHash(algorithm).update(readFileSync(path)).digest('hex')
}
