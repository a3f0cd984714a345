/** Bytes of a slot, which has one piece of the file. */
const SLOT = 1024 * 1024
const SLOTS = 8

/** Indexes of the two counters in `control`. */
const FILLED = 0
const EMPTIED = 1
/** Index of the number of bytes in the first slot; those of the other slots follow. */
const LENGTHS = 2

/** The memory of a ring, shared between threads. */
export interface RingMemory {
  slots: SharedArrayBuffer
  control: SharedArrayBuffer
  /** Bytes hashed so far, a BigInt64. */
  hashed: SharedArrayBuffer
}

/**
 * Allocates the memory of a ring.
 *
 * @param followed true if a second thread follows; otherwise the ring has only one slot.
 */
export function newRingMemory(followed: boolean): RingMemory {
  const slots = followed ? SLOTS : 1
  return {
    slots: new SharedArrayBuffer(slots * SLOT),
    control: new SharedArrayBuffer((LENGTHS + slots) * Int32Array.BYTES_PER_ELEMENT),
    hashed: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
  }
}

/**
 * Passes pieces of a file from the thread that reads them (the leader) to another one (the
 * follower), so that both hash the same bytes.
 *
 * No piece is lost or read twice, regardless of when notifications arrive: only the leader
 * writes FILLED and only the follower writes EMPTIED. Each counter goes up by one at a time
 * (it may wrap around after 32 bits), after the slot was stored. The follower reads slot n
 * only after it has seen FILLED above n. The leader fills the slot again only after it has
 * seen EMPTIED within SLOTS of its own count. Both read the counter before and after each
 * wait, so a late or misdirected notification only causes one more read. No thread waits
 * forever: a wait begins only if the counter still has the value that was read, which the
 * kernel checks, and each change of a counter is notified.
 */
export class Ring {
  readonly #slots: Uint8Array[]
  readonly #control: Int32Array

  constructor(memory: RingMemory) {
    const bytes = new Uint8Array(memory.slots)
    this.#slots = Array.from({ length: bytes.length / SLOT }, (_, at) => bytes.subarray(at * SLOT, (at + 1) * SLOT))
    this.#control = new Int32Array(memory.control)
  }

  /**
   * Yields the pieces that `fill` produces; the last one is empty. If there is a follower, a
   * slot is filled again only when the follower is done with it.
   *
   * @param fill writes a piece and returns its bytes; 0 ends the sequence.
   */
  *lead(fill: (slot: Uint8Array) => number, followed: boolean): Generator<Uint8Array> {
    for (let filled = 0, length = -1; length !== 0; filled = (filled + 1) | 0) {
      if (followed) this.#awaitSlot(filled)
      const at = this.#indexOf(filled)
      const slot = this.#slots[at] as Uint8Array
      length = fill(slot)
      this.#control[LENGTHS + at] = length
      this.#count(FILLED, filled + 1)
      yield slot.subarray(0, length)
    }
  }

  /** Yields the same pieces in the follower's thread. */
  *follow(): Generator<Uint8Array> {
    for (let emptied = 0, length = -1; length !== 0; emptied = (emptied + 1) | 0) {
      this.#awaitPiece(emptied)
      const at = this.#indexOf(emptied)
      length = this.#control[LENGTHS + at] as number
      yield (this.#slots[at] as Uint8Array).subarray(0, length)
      this.#count(EMPTIED, emptied + 1)
    }
  }

  #awaitPiece(emptied: number): void {
    while (Atomics.load(this.#control, FILLED) === emptied) Atomics.wait(this.#control, FILLED, emptied)
  }

  #awaitSlot(filled: number): void {
    for (;;) {
      const emptied = Atomics.load(this.#control, EMPTIED)
      if (((filled - emptied) | 0) < this.#slots.length) return
      Atomics.wait(this.#control, EMPTIED, emptied)
    }
  }

  #indexOf(count: number): number {
    // The number of slots is a power of two, so this also works when the counters wrap around.
    return count & (this.#slots.length - 1)
  }

  #count(counter: number, to: number): void {
    Atomics.store(this.#control, counter, to)
    Atomics.notify(this.#control, counter)
  }
}
