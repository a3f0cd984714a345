import { createHash, type Hash } from 'node:crypto'
import { shownName } from '../tar/tar-refusals.ts'
import { damagedOva } from './ova-refusals.ts'

/*
 * The manifest of an OVA: DMTF's Open Virtualization Format, DSP0243, "Distribution of OVF
 * packages": https://www.dmtf.org/standards/ovf
 */

/** The algorithms of a manifest, and the hexadecimal digits of their digests. */
const DIGITS = { sha1: 40, sha256: 64, sha512: 128 } as const
type Algorithm = keyof typeof DIGITS
const ALGORITHMS = Object.keys(DIGITS) as Algorithm[]
const LINE = /^(sha(?:1|256|512))\((.+)\)\s*=\s*([0-9a-f]+)$/i

/** A line of a manifest. */
export interface ManifestLine {
  algorithm: Algorithm
  /** Of a file beside the manifest. */
  name: string
  /** In lower-case hexadecimal digits. */
  digest: string
}

/**
 * Parses a manifest.
 *
 * @throws VdcError FILE_REFUSED if a line is not the digest of a file.
 */
export function parseManifest(bytes: Buffer): ManifestLine[] {
  const lines = bytes.toString('latin1').split(/\r?\n/)
  const texts = lines.map((line) => line.trim()).filter((line) => line !== '')
  return texts.map((text) => {
    const [, word = '', name = '', hex = ''] = LINE.exec(text) ?? []
    const algorithm = word.toLowerCase() as Algorithm
    if (hex.length !== DIGITS[algorithm]) throw damagedOva('its manifest has a line that is not the digest of a file')
    return { algorithm, name, digest: hex.toLowerCase() }
  })
}

/** The digests of a file while it is read. */
export class FileDigests {
  readonly #hashes: Map<Algorithm, Hash>

  /** @param algorithms that a manifest can use for the file. Default: all. */
  constructor(algorithms: readonly Algorithm[] = ALGORITHMS) {
    this.#hashes = new Map([...new Set(algorithms)].map((name) => [name, createHash(name)]))
  }

  add(bytes: Buffer): void {
    for (const hash of this.#hashes.values()) hash.update(bytes)
  }

  /** Returns the digests, in lower-case hexadecimal digits, after which no bytes can be added. */
  end(): ReadonlyMap<string, string> {
    return new Map([...this.#hashes].map(([name, hash]) => [name, hash.digest('hex')]))
  }
}

/**
 * Checks the files of an OVA against its manifest.
 *
 * @param files the digests of all files, by name.
 * @param disk the name of the disk, which must be in the manifest.
 * @throws VdcError FILE_REFUSED if a file differs or is missing, or the manifest has a file twice or not the disk.
 */
export function requireManifest(
  manifest: readonly ManifestLine[],
  files: ReadonlyMap<string, ReadonlyMap<string, string>>,
  disk: string,
): void {
  for (const [at, { algorithm, name, digest }] of manifest.entries()) {
    const digests = files.get(name)
    if (digests === undefined) throw damagedOva(`its manifest names ${shownName(name)}, which it does not hold`)
    const isTwice = manifest.slice(0, at).some((line) => line.name === name && line.algorithm === algorithm)
    if (isTwice) throw damagedOva(`its manifest names ${shownName(name)} twice`)
    const found = digests.get(algorithm)
    if (found !== digest)
      throw damagedOva(`${shownName(name)} does not match the manifest: expected ${digest}, got ${found}`)
  }
  if (!manifest.some(({ name }) => name === disk)) throw damagedOva(`its manifest does not cover ${shownName(disk)}`)
}
