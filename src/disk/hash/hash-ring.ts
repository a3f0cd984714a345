/** Bytes of a slot: a piece of the file. */
const SLOT = 1024 * 1024
const SLOTS = 8

/** Where the counters are; after them comes how many bytes each slot holds. */
const FILLED = 0
const EMPTIED = 1
const LENGTHS = 2

/** The memory of a ring, which threads share. */
export interface RingMemory {
  slots: SharedArrayBuffer
  control: SharedArrayBuffer
  /** Bytes that are hashed, a BigInt64. */
  hashed: SharedArrayBuffer
}

/** @param followed whether a second thread takes what the first one fills; then there are slots to wait for each other. */
export function newRingMemory(followed: boolean): RingMemory {
  const slots = followed ? SLOTS : 1
  return {
    slots: new SharedArrayBuffer(slots * SLOT),
    control: new SharedArrayBuffer((LENGTHS + slots) * Int32Array.BYTES_PER_ELEMENT),
    hashed: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
  }
}

/**
 * Pieces of a file on their way from the thread that reads them to one that
 * follows: both hash the very same bytes.
 *
 * Why no piece is lost or seen twice, whenever a notification arrives: FILLED is
 * written by the leader alone and EMPTIED by the follower alone, each goes up by
 * one (past the end of its 32 bits, too), and a slot is stored before its counter.
 * The follower reads slot n only after it has seen FILLED move beyond n, the leader
 * fills it again only after it has seen EMPTIED within SLOTS of its own count. Both
 * look at the counter itself before and after each wait, so a notification that
 * comes late, or wakes the wrong wait, costs one more look and decides nothing.
 * Neither waits endlessly: a wait begins only while the counter still has the value
 * that was seen, which the kernel checks, and every change of it is notified.
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
   * Yields the pieces that `fill` makes, the last of them empty; a slot is filled
   * again when the follower is done with it, where there is one.
   *
   * @param fill returns how many bytes it wrote; with 0 it is over.
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

  /** Yields the same pieces in the thread that follows. */
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
    // The number of slots is a power of two, so this holds over the end of the counters as well.
    return count & (this.#slots.length - 1)
  }

  #count(counter: number, to: number): void {
    Atomics.store(this.#control, counter, to)
    Atomics.notify(this.#control, counter)
  }
}
