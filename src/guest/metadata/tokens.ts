import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { monotonicTime } from '../../core/clock.ts'

/** Seconds for which a token may be valid, as on EC2. */
export const LONGEST_LIFE = 21600
const MAC_BYTES = 32
const TIME_BYTES = 8

/**
 * The tokens of one service. A token names the moment at which it ends, and is signed with a key that ends
 * with the process, so nothing is kept of it.
 */
export class Tokens {
  readonly #key = randomBytes(32)
  readonly #now: () => number

  /** @param now returns milliseconds of a clock that never goes back. */
  constructor(now: () => number = monotonicTime) {
    this.#now = now
  }

  /**
   * Returns a token for an instance.
   *
   * @param life seconds.
   */
  issue(instanceId: string, life: number): string {
    const end = Buffer.alloc(TIME_BYTES)
    end.writeBigUInt64BE(BigInt(Math.ceil(this.#now() + life * 1000)))
    return Buffer.concat([end, this.#macOf(instanceId, end)]).toString('base64url')
  }

  /** Returns true if a token was issued for this instance and has not ended. */
  accepts(token: string, instanceId: string): boolean {
    const bytes = Buffer.from(token, 'base64url')
    if (bytes.length !== TIME_BYTES + MAC_BYTES) return false
    const end = bytes.subarray(0, TIME_BYTES)
    const isOurs = timingSafeEqual(bytes.subarray(TIME_BYTES), this.#macOf(instanceId, end))
    return isOurs && end.readBigUInt64BE() > BigInt(Math.floor(this.#now()))
  }

  #macOf(instanceId: string, end: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(end).update(instanceId).digest()
  }
}

/** Returns the seconds that a client wants a token to be valid; undefined if that is no whole number from 1 to LONGEST_LIFE. */
export function lifeOf(header: string | undefined): number | undefined {
  if (header === undefined || !/^[0-9]{1,5}$/.test(header)) return undefined
  const life = Number(header)
  return life >= 1 && life <= LONGEST_LIFE ? life : undefined
}
