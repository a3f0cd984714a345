import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { VdcError } from '../../../src/core/errors.ts'
import { closeImageFile, openImageFile } from '../../../src/disk/file/image-file.ts'
import { type Packing, unpack } from '../../../src/disk/unpack/unpack.ts'
import { newWatcher } from '../process/watcher.ts'
import type { MadeArchive } from './archives.ts'

/*
 * Unpacks archives as the agents do (dcmgr.md, "Where an image's bytes are"), and as
 * vdc-manage does.
 */

/** The result of our own unpacking. */
interface Ours {
  packing?: Packing
  /** The unpacked bytes, in order. */
  pieces: { at: number; bytes: Buffer }[]
  refusal?: string
}

/** The results for the archives of a batch. */
export interface Compared {
  accepted: number
  /** Refused archives, with reasons. */
  refused: string[]
  /** Accepted archives that the programs unpack differently, with the difference. */
  differences: string[]
}

/** Half of the archives are given by name, and half on stdin, which GNU tar opens differently. */
const COMMANDS = {
  tar: ['tar -xf F -C D', 'tar -xf - -C D < F'],
  tgz: ['tar -xzf F -C D', 'tar -xzf - -C D < F'],
  gz: ['gunzip -c < F > D/disk', 'cat F | gunzip -c > D/disk'],
} as const

/**
 * Unpacks archives with the real programs and with vdc-manage, and compares the results. For
 * each accepted archive, the programs must exit with 0, and the only visible entry must be the
 * file that vdc-manage reads.
 *
 * @param folder an empty folder. It is empty again afterwards.
 */
export async function compareUnpacking(folder: string, archives: readonly MadeArchive[]): Promise<Compared> {
  const result: Compared = { accepted: 0, refused: [], differences: [] }
  const all: Ours[] = []
  for (const [index, { bytes }] of archives.entries()) {
    writeFileSync(join(folder, `${index}.packed`), bytes)
    all.push(await readByUs(join(folder, `${index}.packed`)))
  }
  const statuses = await unpackForReal(
    folder,
    all.map(({ packing }) => packing?.containerFormat as keyof typeof COMMANDS | undefined),
  )
  for (const [index, archive] of archives.entries()) {
    const ours = all[index] as Ours
    const real = { status: statuses[index] as number, folder: join(folder, `${index}`) }
    if (ours.packing === undefined) {
      result.refused.push(`${archive.kind} (${archive.story}): ${ours.refusal}`)
    } else {
      result.accepted++
      const difference = differenceOf(ours, ours.packing, real)
      if (difference !== undefined) result.differences.push(`${archive.kind} (${archive.story}): ${difference}`)
    }
  }
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true })
  return result
}

/** Unpacks each accepted archive in its own folder. Returns the exit codes. */
async function unpackForReal(
  folder: string,
  containers: readonly (keyof typeof COMMANDS | undefined)[],
): Promise<number[]> {
  const lines = containers.map((container, index) => {
    if (container === undefined) return 'echo'
    mkdirSync(join(folder, `${index}`))
    const command = COMMANDS[container][index % 2] as string
    return `${command.replaceAll('F', `${index}.packed`).replace(/\bD\b/, `${index}`)}; echo $?`
  })
  const { stdout } = await execa('bash', ['-o', 'pipefail'], { cwd: folder, input: lines.join('\n'), stderr: 'ignore' })
  return stdout.split('\n').map(Number)
}

async function readByUs(path: string): Promise<Ours> {
  const pieces: Ours['pieces'] = []
  let file: Awaited<ReturnType<typeof openImageFile>> | undefined
  try {
    file = await openImageFile(path)
    const packing = await unpack(file, async (at, bytes) => void pieces.push({ at, bytes }), newWatcher())
    return { packing, pieces }
  } catch (error) {
    if (error instanceof VdcError && error.code === 'FILE_REFUSED') return { pieces, refusal: error.message }
    throw error
  } finally {
    if (file !== undefined) await closeImageFile(file)
  }
}

interface Real {
  status: number
  folder: string
}

function differenceOf({ pieces }: Ours, packing: Packing, real: Real): string | undefined {
  if (real.status !== 0) return `the real program exits with ${real.status}`
  // A name may be invalid UTF-8, so names are compared as bytes.
  const visible = readdirSync(real.folder, { encoding: 'buffer' }).filter((name) => name[0] !== 0x2e)
  if (visible.length !== 1) return `there are ${visible.length} visible entries`
  const path = Buffer.concat([Buffer.from(`${real.folder}/`), visible[0] as Buffer])
  const stats = statSync(path)
  if (!stats.isFile()) return 'the visible entry is not a regular file'
  if (stats.size !== packing.unpackedSize)
    return `the file has ${stats.size} bytes, but vdc-manage reports ${packing.unpackedSize}`
  return hasSameBytes(path, pieces, stats) ? undefined : 'the bytes differ'
}

/** Returns whether a file has these pieces, and zeros between them. */
function hasSameBytes(
  path: Buffer,
  pieces: Ours['pieces'],
  { size, blocks }: { size: number; blocks: number },
): boolean {
  const isSmall = size < 64 * 1024 * 1024
  if (isSmall) {
    const expected = Buffer.alloc(size)
    for (const { at, bytes } of pieces) bytes.copy(expected, at)
    return readFileSync(path).equals(expected)
  }
  // Too large to read: checks the pieces, and that the rest is holes.
  const handle = openSync(path, 'r')
  try {
    const written = pieces.reduce((sum, { bytes }) => sum + bytes.length + 2 * 4096, 0)
    const same = pieces.every(({ at, bytes }) => {
      const there = Buffer.alloc(bytes.length)
      readSync(handle, there, 0, there.length, at)
      return there.equals(bytes)
    })
    return same && blocks * 512 <= written
  } finally {
    closeSync(handle)
  }
}
