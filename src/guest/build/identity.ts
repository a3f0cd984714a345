import { createHash, randomBytes } from 'node:crypto'
import type { BuildOptions } from './build-options.ts'

/** What identifies a disk and its filesystem. */
export interface Identity {
  /** UUID of the root filesystem. */
  filesystem: string
  /** UUID from which the order in folders of the filesystem is computed. */
  hashSeed: string
  /** Signature of the disk in its MBR. */
  disk: number
}

/** Returns random identifiers, or with a timestamp those that follow from the options, so that two builds are equal. */
export function identityOf(options: BuildOptions): Identity {
  const seed = options.timestamp === undefined ? randomBytes(32) : digest(JSON.stringify(contentsOf(options)))
  return {
    filesystem: uuidFrom(digest(seed, 'filesystem')),
    hashSeed: uuidFrom(digest(seed, 'hash seed')),
    disk: digest(seed, 'disk').readUInt32LE() || 1,
  }
}

function contentsOf({ timeout: _, script, ...options }: BuildOptions): object {
  return { ...options, script: script && digest(script.bytes).toString('hex') }
}

function digest(...parts: (string | Buffer)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Returns a UUID of version 8, whose bits may have any meaning (RFC 9562). */
function uuidFrom(bytes: Buffer): string {
  const uuid = Buffer.from(bytes.subarray(0, 16))
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x80
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80
  return uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
