import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { inject } from 'vitest'

/** A folder for image files that a test has for itself; its name is one that a URI can hold. */
export function newFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(inject('folder'), 'images-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Makes a disk image with qemu-img. */
export async function makeImage(
  path: string,
  options: { format?: string; size?: string; more?: string[] } = {},
): Promise<string> {
  await execa('qemu-img', [
    'create',
    '-q',
    '-f',
    options.format ?? 'qcow2',
    ...(options.more ?? []),
    path,
    options.size ?? '1G',
  ])
  return path
}

/** The hash of a file, hex. */
export function hashOf(path: string, algorithm: 'md5' | 'sha256'): string {
  return createHash(algorithm).update(readFileSync(path)).digest('hex')
}
