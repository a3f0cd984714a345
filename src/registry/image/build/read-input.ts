import { basename } from 'node:path'
import { VdcError } from '../../../core/errors.ts'
import { readText } from '../../../disk/file/text-file.ts'
import type { Cancellation } from '../../../disk/watcher.ts'

/** Bytes of the largest script, and of the most keys. */
const [LARGEST_SCRIPT, LARGEST_KEYS] = [2 ** 20, 2 ** 16]
/** A public key, with or without options before it (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
const PUBLIC_KEY = /(?:^|[ \t])(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+[ \t]+AAAA[A-Za-z0-9+/=]+(?:[ \t]|$)/

/**
 * Reads a program that is to run in a guest.
 *
 * @returns its name and bytes.
 * @throws VdcError FILE_REFUSED if it cannot be read, is too large, or names no interpreter.
 */
export async function readScript(path: string, cancellation: Cancellation): Promise<{ name: string; bytes: Buffer }> {
  const bytes = await readUpTo(path, LARGEST_SCRIPT, cancellation)
  if (bytes.toString('latin1', 0, 2) !== '#!')
    throw refused(`The script ${path} does not name its interpreter`, 'Begin its first line with #!, such as #!/bin/sh')
  return { name: basename(path), bytes }
}

/**
 * Reads public keys, one per line.
 *
 * @returns the lines with the keys.
 * @throws VdcError FILE_REFUSED if it cannot be read, is too large, or has anything but public keys.
 */
export async function readAuthorizedKeys(path: string, cancellation: Cancellation): Promise<string> {
  const bytes = await readUpTo(path, LARGEST_KEYS, cancellation)
  const lines = bytes.toString('latin1').split(/\r?\n/)
  const keys = lines.filter((line) => !/^[ \t]*(?:#|$)/.test(line))
  const wrong = lines.findIndex((line) => keys.includes(line) && !PUBLIC_KEY.test(line))
  if (keys.length > 0 && wrong === -1) return `${keys.join('\n')}\n`
  const where = wrong === -1 ? 'has no public key' : `has no public key in line ${wrong + 1}`
  throw refused(`The file ${path} ${where}`, 'Name a file with public keys, such as ~/.ssh/id_ed25519.pub')
}

async function readUpTo(path: string, limit: number, cancellation: Cancellation): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of readText(path, cancellation.signal)) {
    pieces.push(piece)
    size += piece.length
    if (size > limit) throw refused(`The file ${path} is larger than ${limit / 1024} KiB`)
  }
  cancellation.throwIfRequested()
  return Buffer.concat(pieces)
}

function refused(message: string, hint?: string): VdcError {
  return new VdcError('FILE_REFUSED', message, { hint })
}
