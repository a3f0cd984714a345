import type { Instance } from './instance.ts'

/** Whether clients need the tokens of version 2 of the service: they are unknown, taken, or demanded. */
export const IMDS_V2 = ['off', 'optional', 'required'] as const
/** One of IMDS_V2. */
export type ImdsV2 = (typeof IMDS_V2)[number]

/**
 * Where a service listens: a port of an address (0 for any free one), or a Unix socket that it makes. All clients of one
 * that `isNear` are in its folder and name it without a path, which may thus be longer than that of a socket.
 */
export type Endpoint = { host: string; port: number } | { path: string; isNear?: boolean }

/** A request that was answered. What the client sent is untrusted, and cut short. */
export interface AnsweredRequest {
  method: string
  path: string
  status: number
  /** The User-Agent; undefined if there was none. */
  client: string | undefined
  /** The address that it came from; undefined on a Unix socket. */
  address: string | undefined
  /** The ID of the instance that it was about; undefined if there was none. */
  instanceId: string | undefined
}

/** How a service answers. */
export interface ServiceOptions {
  imdsV2: ImdsV2
  /** Returns the instance that has an address, or any if the address is undefined; undefined if there is none. */
  find: (address: string | undefined) => Promise<Instance | undefined>
  /** Called after each request. */
  onRequest: (request: AnsweredRequest) => void
  /** Called when a connection is opened, and when it is closed. */
  onConnection?: (isOpen: boolean) => void
}

/** A running metadata service. */
export interface MetadataService {
  /** With the port that it got. */
  endpoint: Endpoint
  /** Ends all connections and stops listening. Removes its socket. */
  close(): Promise<void>
}
