import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { inject } from 'vitest'
import { closeImageFile, openImageFile } from '../../../src/disk/file/image-file.ts'
import { inspectImage } from '../../../src/disk/inspect/inspect-image.ts'
import type { Expectation, Inspection } from '../../../src/disk/inspect/inspection.ts'
import { newWatcher } from '../process/watcher.ts'
import { bootSector } from './images.ts'

/** A disk of 1 MiB that looks bootable, with text that compresses to about 20 kB. */
export function wordyDisk(): Buffer {
  const words = Array.from({ length: 8000 }, (_, at) => `${(at * 2654435761) % 1e9}`).join(' ')
  const disk = Buffer.alloc(1024 * 1024)
  bootSector().copy(disk)
  disk.write(words, 300_000)
  return disk
}

/** Commands that pack a file; FILE stands for it, and OUT for the result. */
export const PACKERS: Readonly<Record<string, string>> = {
  xz: 'xz -0 -c FILE > OUT',
  zst: 'zstd -q -c FILE > OUT',
  bz2: 'bzip2 -1 -c < FILE > OUT',
  zip: 'zip -q -j OUT FILE',
}

/** Runs a command of PACKERS or a similar one in a folder. */
export async function pack(cwd: string, command: string, file: string, out: string): Promise<void> {
  rmSync(join(cwd, out), { force: true })
  await execa('bash', ['-e', '-o', 'pipefail', '-c', command.replaceAll('FILE', file).replaceAll('OUT', out)], { cwd })
}

/** The result of looking into a packed image: its inspection, and the unpacked image if it is accepted. */
export interface Looked {
  inspection: Inspection
  disk: Buffer | undefined
  /** The first refusal. */
  why: string | undefined
}

/** Inspects a packed image as a conversion does. */
export async function lookInto(path: string, expected: Expectation = {}): Promise<Looked> {
  const file = await openImageFile(path)
  try {
    const given = { unpacks: 'all', keepsUnpacked: true, ...expected } as const
    const inspection = await inspectImage(file, given, newWatcher())
    const disk = await file.unpacked?.handle.readFile()
    return { inspection, disk, why: inspection.refusals[0]?.why }
  } finally {
    await closeImageFile(file)
  }
}

/** Inspects bytes as `lookInto` does. */
export async function lookIntoBytes(bytes: Buffer, ending: string, expected: Expectation = {}): Promise<Looked> {
  const folder = mkdtempSync(join(inject('folder'), 'packed-'))
  try {
    const path = join(folder, `packed.${ending}`)
    writeFileSync(path, bytes)
    return await lookInto(path, expected)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
