import type { AnsweredRequest } from '../metadata/service.ts'

/** What a running guest was seen to do. What it wrote or sent is untrusted, and cut short. */
export type GuestEvent = { at: Moment } & (
  | ConsoleEvent
  | DhcpEvent
  | ForeignAddressEvent
  | MetadataEvent
  | SshEvent
  | LoginEvent
  | EndEvent
)

/** Milliseconds since the virtual machine started. */
export type Moment = number

/** A line of the serial console, or the beginning of one that has not ended, such as a prompt. */
interface ConsoleEvent {
  kind: 'console'
  /** Without control characters and escape sequences. */
  line: string
}

/** The guest asked for an address, or was given one. */
export interface DhcpEvent {
  kind: 'dhcp'
  message: 'discover' | 'request' | 'ack' | 'release' | 'decline'
  /** Of the guest in requests; that it is given in an ack. */
  address: string | undefined
  hostName: string | undefined
  /** The vendor class, which names the client, such as `udhcp 1.35.0`. */
  vendor: string | undefined
}

/** A packet had an address of the sender that the guest was not given. */
export interface ForeignAddressEvent {
  kind: 'foreign-address'
  address: string
  protocol: 'arp' | 'ipv4' | 'ipv6'
}

/** The metadata service answered. */
interface MetadataEvent {
  kind: 'metadata'
  request: AnsweredRequest
}

/** sshd answered, and showed its host keys. */
export interface SshEvent {
  kind: 'ssh'
  /** The line that it sends first, such as `SSH-2.0-OpenSSH_9.2p1`. */
  banner: string
  /** Fingerprints as `ssh-keygen -l` prints them: `SHA256:...`, by type of key. */
  hostKeys: Readonly<Record<string, string>>
}

/** The key of the metadata opened a session; or no user accepted it. */
export interface LoginEvent {
  kind: 'login'
  user: string | undefined
  hostName: string | undefined
  machineId: string | undefined
}

/** The virtual machine ended. */
export interface EndEvent {
  kind: 'end'
  /** By itself, because it was asked to power off, because it reset, or because it was killed at the end of its time. */
  how: 'by-itself' | 'powered-off' | 'reset' | 'killed'
}
