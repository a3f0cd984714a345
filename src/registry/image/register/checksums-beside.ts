import { basename } from 'node:path'
import { readChecksumBeside } from '../../../disk/hash/checksum-beside.ts'
import { ChecksumList } from '../../../disk/hash/checksum-file.ts'
import type { ExpectedChecksums } from './expectations.ts'

/**
 * Returns the checksums that the files `PATH.sha256` and `PATH.md5` beside a disk image have for it.
 * Warns about one that has none.
 *
 * @returns undefined if there are none.
 * @throws VdcError FILE_REFUSED if one cannot be read, or contradicts itself.
 */
export async function checksumsBeside(
  path: string,
  warn: (text: string) => void,
): Promise<ExpectedChecksums | undefined> {
  const expected: ExpectedChecksums = {}
  for (const algorithm of ['sha256', 'md5'] as const) {
    const beside = `${path}.${algorithm}`
    const text = await readChecksumBeside(beside)
    if (text === undefined) continue
    const found = new ChecksumList(text, beside).of(path).find((each) => each.algorithm === algorithm)
    if (found === undefined) {
      warn(`The checksum file ${beside} does not list ${basename(path)}, so it was ignored`)
      continue
    }
    expected[algorithm] = found.hex
    expected.from = { ...expected.from, [algorithm]: beside }
  }
  return expected.from && expected
}
