/** A generator of pseudo-random numbers from 0 to 1, the same for each seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Returns bytes with some of them changed, removed, repeated, or the end cut off. */
export function mutated(original: Buffer, random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(original)
  for (let left = 1 + Math.floor(random() * 6); left > 0 && bytes.length > 0; left--) {
    const at = Math.floor(random() * bytes.length)
    const other = at + Math.floor(random() * Math.min(64, bytes.length - at))
    const kind = random()
    if (kind < 0.5) bytes[at] = Math.floor(random() * 256)
    else if (kind < 0.7) bytes.fill(255, at, other)
    else if (kind < 0.8) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(other)])
    else if (kind < 0.95) bytes = Buffer.concat([bytes.subarray(0, other), bytes.subarray(at)])
    else bytes = bytes.subarray(0, at)
  }
  return bytes
}

/** Yields bytes in chunks of random lengths. */
export function* chunks(bytes: Buffer, random: () => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + Math.floor(random() * (random() < 0.5 ? 4 : 400))
    yield bytes.subarray(at, at + length)
    at += length
  }
}
