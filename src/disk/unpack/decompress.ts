import type { ImageFile } from '../file/image-file.ts'
import { isBzip2 } from '../formats/packed/bzip2.ts'
import { isGzip } from '../formats/packed/gzip.ts'
import { isXz } from '../formats/packed/xz.ts'
import { isZip } from '../formats/packed/zip.ts'
import { isZstd } from '../formats/packed/zstd.ts'
import type { Compression } from '../inspect/containers.ts'
import type { Watcher } from '../watcher.ts'
import { gunzip } from './gunzip.ts'

/** Unpacks a compressed file to its end. */
type Decompress = (file: ImageFile, watcher: Watcher, onRead: (bytes: number) => void) => AsyncGenerator<Buffer>

/** How each kind of compressed file is recognised by its first bytes, and unpacked. */
const COMPRESSIONS: readonly [Compression, is: (start: Buffer) => boolean, Decompress][] = [
  ['gz', isGzip, gunzip],
  ['xz', isXz, by('xz')],
  ['bz2', isBzip2, by('bzip2')],
  ['zst', isZstd, by('zstd')],
  ['zip', isZip, unzip],
]

/** Returns how a file is compressed, by its first 512 bytes, and what unpacks it; undefined if it is not. */
export function compressionOf(start: Buffer): [Compression, Decompress] | undefined {
  const [compression, , decompress] = COMPRESSIONS.find(([, is]) => is(start)) ?? []
  return compression && decompress && [compression, decompress]
}

function by(program: 'xz' | 'bzip2' | 'zstd'): Decompress {
  return async function* (...given) {
    yield* (await import('./unpacker.ts')).unpackedBy(program, ...given)
  }
}

async function* unzip(...given: Parameters<Decompress>): AsyncGenerator<Buffer> {
  yield* (await import('../zip/unzip.ts')).unzip(...given)
}
