import { basename } from 'node:path'
import { VdcError } from '../../../core/errors.ts'
import { readSmallFile } from '../../../disk/file/text-file.ts'
import type { Cancellation } from '../../../disk/watcher.ts'
import { readPublicKeys } from '../../metadata/public-keys.ts'

/** Bytes of the largest script. */
const LARGEST_SCRIPT = 2 ** 20
/** A public key, with or without options before it (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
const PUBLIC_KEY = /(?:^|[ \t])(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+[ \t]+AAAA[A-Za-z0-9+/=]+(?:[ \t]|$)/

/**
 * Reads a program that is to run in a guest.
 *
 * @returns its name and bytes.
 * @throws VdcError FILE_REFUSED if it cannot be read, is too large, or names no interpreter; the error of the cancellation.
 */
export async function readScript(path: string, cancellation: Cancellation): Promise<{ name: string; bytes: Buffer }> {
  const bytes = await readSmallFile(path, LARGEST_SCRIPT, cancellation)
  if (bytes.toString('latin1', 0, 2) !== '#!')
    throw new VdcError('FILE_REFUSED', `The script ${path} does not name its interpreter`, {
      hint: 'Begin its first line with #!, such as #!/bin/sh',
    })
  return { name: basename(path), bytes }
}

/**
 * Reads the lines of authorized_keys(5) for a guest.
 *
 * @returns the lines as latin1, each with a newline.
 * @throws VdcError FILE_REFUSED if it cannot be read, is too large, or has anything but public keys; the error of the
 *   cancellation.
 */
export async function readAuthorizedKeys(path: string, cancellation: Cancellation): Promise<string> {
  const keys = await readPublicKeys(path, PUBLIC_KEY, 'latin1', cancellation)
  return `${keys.join('\n')}\n`
}
