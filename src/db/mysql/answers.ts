import { monotonicTime } from '../../core/clock.ts'
import { VdcError } from '../../core/errors.ts'
import type { DriverConnection } from './driver.ts'

/*
 * Limits what a server may send. The driver trusts the server: it stores any number of
 * rows, columns and packets, and would send a local file on request. So each packet is
 * checked before the driver reads it.
 */

const MIB = 1024 * 1024
/** Bytes of the longest packet, for example a row. The longest row of the registry's tables has 1.4 MiB. */
const LARGEST_PACKET = 8 * MIB
/** Bytes that a server may send until the login succeeds. */
const LONGEST_GREETING = 64 * 1024
/** Columns of a result; the limit of MySQL. */
const MOST_COLUMNS = 4096
/** Bytes of an answer that is kept as a whole. Lists are streamed and have no limit. */
const LARGEST_ANSWER = 128 * MIB
/** Bytes of memory that each packet needs besides its content. */
const PER_PACKET = 64
/** Bytes of a packet's header. */
const HEADER = 4

/** First bytes of packets: success, a request for a local file, the end of columns or rows, an error. */
const OK = 0x00
const LOCAL_FILE = 0xfb
const EOF = 0xfe
const ERR = 0xff
/** Bytes of the shortest row that begins with the same byte as EOF. */
const LONGER_THAN_EOF = 9

/** The next packet: a part of the login, a part of an answer, or none. */
type Phase = 'greeting' | 'login' | 'header' | 'columns' | 'columns-end' | 'rows' | 'idle'

/**
 * Checks all packets of a connection before the driver parses them. Disconnects from a
 * server that sends unexpected packets, or more than the limits: the current statement
 * fails with DATABASE_CONNECTION_LOST, a login with DATABASE_UNREACHABLE.
 *
 * @param place the database, for messages.
 */
export function limitAnswers(connection: DriverConnection, place: string): Arrivals {
  const parser = connection.packetParser
  const arrivals = new Arrivals(place)
  connection.packetParser = {
    execute: (chunk) => {
      const refusal = arrivals.take(chunk)
      if (refusal === undefined) parser.execute(chunk)
      else connection.stream.destroy(refusal)
    },
  }
  const write = connection.writePacket.bind(connection)
  connection.writePacket = (packet) => {
    // The first packet of a statement has number 0.
    const isStatement = connection.sequenceId === 0
    write(packet)
    arrivals.expect(connection.sequenceId, isStatement && connection._command?.onResult !== undefined, isStatement)
  }
  return arrivals
}

/**
 * Tracks the packets of a connection. A packet has a length of 3 bytes, a number of 1 byte,
 * and a payload whose first byte is its type.
 */
export class Arrivals {
  /** The time of the latest data, as `monotonicTime()`. */
  latest = monotonicTime()
  readonly #place: string
  #phase: Phase = 'greeting'
  #isKept = true
  #size = 0
  #columns = 0
  #number = 0
  #header = new Uint8Array(HEADER)
  #headerBytes = 0
  #length = 0
  #start = new Uint8Array(9)
  #received = 0

  constructor(place: string) {
    this.#place = place
  }

  /** Call after sending a packet: the packets of the answer are numbered from `number`. */
  expect(number: number, isKept: boolean, isStatement: boolean): void {
    this.#number = number
    if (!isStatement) return
    this.#phase = 'header'
    this.#isKept = isKept
    this.#size = 0
  }

  /** Checks received data. Returns an error if the connection must be closed. */
  take(chunk: Uint8Array): VdcError | undefined {
    this.latest = monotonicTime()
    for (let at = 0; at < chunk.length; ) {
      if (this.#headerBytes < HEADER) {
        const refusal = this.#takeHeaderByte(chunk[at++] as number)
        if (refusal !== undefined) return refusal
      } else {
        at += this.#takePayload(chunk, at)
      }
      if (this.#headerBytes < HEADER || this.#received < this.#length) continue
      this.#headerBytes = 0
      const refusal = this.#end(at < chunk.length)
      if (refusal !== undefined) return refusal
    }
    return undefined
  }

  #takeHeaderByte(byte: number): VdcError | undefined {
    this.#header[this.#headerBytes++] = byte
    if (this.#headerBytes < HEADER) return undefined
    const [low = 0, middle = 0, high = 0, number = 0] = this.#header
    this.#length = low | (middle << 8) | (high << 16)
    this.#received = 0
    return this.#begin(number)
  }

  /** Takes the payload's bytes from a chunk. Returns their number. */
  #takePayload(chunk: Uint8Array, at: number): number {
    const taken = Math.min(chunk.length - at, this.#length - this.#received)
    for (let i = 0; i < taken && this.#received + i < this.#start.length; i++) {
      this.#start[this.#received + i] = chunk[at + i] as number
    }
    this.#received += taken
    return taken
  }

  #begin(number: number): VdcError | undefined {
    if (this.#length > LARGEST_PACKET) return this.#refuse(`a packet of more than ${LARGEST_PACKET / MIB} MiB`)
    this.#size += this.#length + PER_PACKET
    if (this.#phase === 'greeting' || this.#phase === 'login') {
      if (this.#size > LONGEST_GREETING) return this.#refuse('something that is not the greeting of MySQL')
    } else if ((this.#isKept || this.#phase !== 'rows') && this.#size > LARGEST_ANSWER) {
      return this.#refuse(`an answer of more than ${LARGEST_ANSWER / MIB} MiB`)
    }
    if (this.#phase !== 'idle' && number !== this.#number) return this.#refuse('packets out of order')
    this.#number = (number + 1) % 256
    return undefined
  }

  #end(isMoreThere: boolean): VdcError | undefined {
    if (this.#length === 0) return this.#refuse('an empty packet')
    const type = this.#start[0] as number
    switch (this.#phase) {
      case 'greeting':
        // Data that follows the greeting unasked would later be treated as if it had arrived encrypted.
        if (isMoreThere) return this.#refuse('more than a greeting')
        this.#phase = 'login'
        return undefined
      case 'login':
        if (type === OK || type === ERR) this.#phase = 'idle'
        return undefined
      case 'header':
        return this.#endHeader(type)
      case 'columns':
        return this.#endColumn(type)
      case 'columns-end':
        if (!this.#isLast(type)) return this.#refuse('columns without an end')
        this.#phase = type === ERR ? 'idle' : 'rows'
        return undefined
      case 'rows':
        if (this.#isLast(type)) this.#phase = 'idle'
        return undefined
      case 'idle':
        // A server that shuts down sends an error unasked.
        return type === ERR ? undefined : this.#refuse('more than was asked for')
    }
  }

  #endHeader(type: number): VdcError | undefined {
    if (type === LOCAL_FILE) return this.#refuse('a request for a file of this host')
    this.#columns = lengthCoded(this.#start)
    if (type !== ERR && this.#columns > MOST_COLUMNS) {
      return this.#refuse(`a result of more than ${MOST_COLUMNS} columns`)
    }
    this.#phase = type === OK || type === ERR ? 'idle' : 'columns'
    return undefined
  }

  #endColumn(type: number): undefined {
    if (type === ERR) this.#phase = 'idle'
    else if (--this.#columns === 0) this.#phase = 'columns-end'
  }

  /** Returns true if a packet ends columns or rows. */
  #isLast(type: number): boolean {
    return type === ERR || (type === EOF && this.#length < LONGER_THAN_EOF)
  }

  #refuse(what: string): VdcError {
    const isGreeting = this.#phase === 'greeting' || this.#phase === 'login'
    const failure = isGreeting ? 'cannot be reached' : 'was disconnected'
    return new VdcError(
      isGreeting ? 'DATABASE_UNREACHABLE' : 'DATABASE_CONNECTION_LOST',
      `The database ${this.#place} ${failure}: the server sent ${what}`,
      { hint: 'Check that VDC_MANAGE_DATABASE_URI or dcmgr.conf names your MySQL or MariaDB server' },
    )
  }
}

/** Decodes a length-encoded integer of MySQL: one byte, or a marker and 2, 3 or 8 bytes. */
function lengthCoded(bytes: Uint8Array): number {
  const [mark = 0] = bytes
  const size = { 252: 2, 253: 3, 254: 8 }[mark] ?? 0
  return size === 0 ? mark : bytes.subarray(1, 1 + size).reduceRight((value, byte) => value * 256 + byte, 0)
}
