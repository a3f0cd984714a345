import type { EndEvent, ForeignAddressEvent, LoginEvent, Moment, SshEvent } from '../event.ts'

/** Something that was seen, in words for people. */
export interface Sign {
  at: Moment
  text: string
}

/** A sign on the console. Of several, the one with the lowest rank counts, and the first of a rank. */
type ConsoleSign = Sign & { rank: number }

/** What is known of a guest that runs or ran, from events. Its size has a limit. */
export interface Facts {
  console: Partial<Record<ConsoleFact, ConsoleSign>>
  /** The last line of the console. */
  lastLine: string | undefined
  dhcp: {
    asked: Moment | undefined
    given: (Sign & { address: string }) | undefined
    hostName: Sign | undefined
    vendor: string | undefined
  }
  foreign: (ForeignAddressEvent & { at: Moment })[]
  metadata: MetadataFacts
  ssh: (SshEvent & { at: Moment }) | undefined
  login: (LoginEvent & { at: Moment }) | undefined
  end: (EndEvent & { at: Moment }) | undefined
  /**
   * The last moment at which the guest did something; of a guest that does the same endlessly, not the last. Later by
   * the time that it has waited for a processor since.
   */
  lastActivity: Moment
  /** How many events are left that count as activity. */
  patience: { console: number; metadata: number }
}

/** What a console can show. */
export type ConsoleFact =
  | 'loader'
  | 'loader-failure'
  | 'loader-error'
  | 'kernel'
  | 'panic'
  | 'system'
  | 'stuck'
  | 'prompt'
  | 'host-name'
  | 'user-data-started'
  | 'user-data-exit-code'
  | 'metadata-complaint'
  | 'ssh-complaint'

/** What a guest asked the metadata service. */
export interface MetadataFacts {
  count: number
  /** Names of values that were answered, each once. */
  answered: string[]
  /** Paths that were refused with their status, each once. */
  refused: string[]
  client: string | undefined
  firstAsked: Moment | undefined
  /** When it got a value that sets up an instance: its host name, its keys, or all values in one file. */
  gotSetup: Moment | undefined
  userData: { at: Moment; status: number } | undefined
}

/** Returns the facts of a guest that has done nothing yet. */
export function noFacts(): Facts {
  return {
    console: {},
    lastLine: undefined,
    dhcp: { asked: undefined, given: undefined, hostName: undefined, vendor: undefined },
    foreign: [],
    metadata: {
      count: 0,
      answered: [],
      refused: [],
      client: undefined,
      firstAsked: undefined,
      gotSetup: undefined,
      userData: undefined,
    },
    ssh: undefined,
    login: undefined,
    end: undefined,
    lastActivity: 0,
    patience: { console: 20_000, metadata: 1000 },
  }
}
