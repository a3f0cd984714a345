import { VdcError } from '../../core/errors.ts'
import { excessIn } from '../../core/yaml-limits.ts'
import { readText } from '../../disk/file/text-file.ts'
import { PUBLIC_KEY } from './instance-fields.ts'

/** Bytes of a file. Wakame-vdc's column of user-data holds as many. */
const LONGEST = 65_535

/**
 * Reads the description of an instance, within limits. Does not check its fields.
 *
 * @throws VdcError FILE_REFUSED if it cannot be read or is not YAML.
 */
export async function readInstanceFile(path: string, signal: AbortSignal): Promise<unknown> {
  const text = (await readSmall(path, signal)).toString()
  const excess = excessIn(text)
  if (excess !== undefined)
    throw new VdcError('FILE_REFUSED', `The file ${path} cannot be read: ${excess}`, {
      hint: 'Put large user-data into a file of its own, and name it with --user-data',
    })
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { logLevel: 'error' })
  try {
    for (const error of document.errors) throw error
    return document.toJS() ?? {}
  } catch (error) {
    const [problem] = (error as Error).message.split('\n', 1)
    throw new VdcError('FILE_REFUSED', `The file ${path} is not valid YAML: ${problem}`, { cause: error })
  }
}

/**
 * Reads public keys, one per line, as in authorized_keys(5) without options. Empty lines and comments are skipped.
 *
 * @returns the keys, named ssh-1, ssh-2 and so on.
 * @throws VdcError FILE_REFUSED if it cannot be read, or a line is no public key.
 */
export async function readPublicKeys(path: string, signal: AbortSignal): Promise<{ name: string; key: string }[]> {
  const lines = (await readSmall(path, signal)).toString().split('\n')
  const keys = lines
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => /^[^#]/.test(line))
  const wrong = keys.find(({ line }) => !PUBLIC_KEY.test(line))
  if (wrong !== undefined || keys.length === 0)
    throw new VdcError(
      'FILE_REFUSED',
      `The file ${path} ${wrong === undefined ? 'has no public key' : `has no public key in line ${wrong.number}`}`,
      {
        hint: 'Name a file such as ~/.ssh/id_ed25519.pub',
      },
    )
  return keys.map(({ line }, index) => ({ name: `ssh-${index + 1}`, key: line }))
}

/** Reads user-data, of any bytes. @throws VdcError FILE_REFUSED if it cannot be read. */
export async function readUserData(path: string, signal: AbortSignal): Promise<Buffer> {
  return readSmall(path, signal)
}

async function readSmall(path: string, signal: AbortSignal): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of readText(path, signal)) {
    bytes += piece.length
    if (bytes > LONGEST) throw new VdcError('FILE_REFUSED', `The file ${path} has more than ${LONGEST} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
