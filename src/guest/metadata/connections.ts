import type { Socket } from 'node:net'

/** Connections at most, from all addresses. */
const MOST = 512
/** Connections of one address at most. A guest has a few. */
const MOST_OF_ADDRESS = 64
/** Requests that a connection may send before the first of them is answered. */
const MOST_AT_ONCE = 4

/** A connection. */
interface Connection {
  address: string
  /** Requests that are not answered yet. */
  running: number
}

/**
 * The open connections of a service. If there are too many, the one that has waited longest without a whole
 * request gives way, so that slow clients, even hundreds, do not keep others out.
 */
export class Connections {
  /** In the order in which they were opened, or had their last answer. */
  readonly #open = new Map<Socket, Connection>()

  /** Takes a new connection, for which another may be closed. */
  add(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const isFull = this.#isFull(address)
    if (isFull !== undefined && !this.#closeOldest(isFull)) {
      socket.destroy()
      return
    }
    this.#open.set(socket, { address, running: 0 })
    socket.once('close', () => this.#open.delete(socket))
  }

  /** Notes that a request has come. Returns false, and closes the connection, if it sent too many at once. */
  begin(socket: Socket): boolean {
    const connection = this.#open.get(socket)
    if (connection !== undefined && ++connection.running <= MOST_AT_ONCE) return true
    socket.destroy()
    return false
  }

  /** Notes that a request is answered. */
  end(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection === undefined) return
    connection.running--
    this.#open.delete(socket)
    this.#open.set(socket, connection)
  }

  /** Closes all. */
  close(): void {
    for (const socket of this.#open.keys()) socket.destroy()
  }

  /** Returns which connections are too many: those of an address, or all; undefined if there is room. */
  #isFull(address: string): ((each: Connection) => boolean) | undefined {
    const isOfAddress = (each: Connection) => each.address === address
    if ([...this.#open.values()].filter(isOfAddress).length >= MOST_OF_ADDRESS) return isOfAddress
    return this.#open.size >= MOST ? () => true : undefined
  }

  #closeOldest(isOne: (each: Connection) => boolean): boolean {
    for (const [socket, connection] of this.#open) {
      if (connection.running > 0 || !isOne(connection)) continue
      this.#open.delete(socket)
      socket.destroy()
      return true
    }
    return false
  }
}
