import { createHash } from 'node:crypto'
import { VdcError } from '../../../core/errors.ts'
import { chunksOf } from '../../../disk/file/chunks.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import type { WantedChecksum } from '../../../disk/hash/checksum-file.ts'
import type { Watcher } from '../../registry.ts'
import { withImageFile } from '../register/accept-file.ts'

/**
 * Accepts a file that has the name of a download if it is the file that is wanted.
 *
 * @returns its SHA-256 in hex.
 * @throws VdcError FILE_EXISTS if it is another one; FILE_REFUSED if it cannot be read; the error of the cancellation.
 */
export async function acceptExisting(
  path: string,
  wanted: WantedChecksum | undefined,
  watcher: Watcher,
): Promise<string> {
  const hint = 'Choose another name with --file-name, or remove it first'
  if (wanted === undefined) throw new VdcError('FILE_EXISTS', `${path} already exists`, { hint })
  return withImageFile(path, async (file) => {
    const [sha256, found] = await digestsOf(file, ['sha256', wanted.algorithm], watcher)
    if (found === wanted.hex) return sha256 as string
    throw new VdcError('FILE_EXISTS', `${path} already exists, with another ${wanted.algorithm} checksum: ${found}`, {
      hint,
    })
  })
}

async function digestsOf(file: ImageFile, algorithms: readonly string[], watcher: Watcher): Promise<string[]> {
  const hashes = algorithms.map((algorithm) => createHash(algorithm))
  const task = watcher.progress.begin('Hashing', file.size)
  try {
    for await (const bytes of chunksOf(file, watcher, (count) => task.advance(count)))
      for (const hash of hashes) hash.update(bytes)
    return hashes.map((hash) => hash.digest('hex'))
  } finally {
    task.end()
  }
}
