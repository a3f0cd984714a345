/** The reason why a question about a guest cannot be answered. A check that throws it reports `unknown`. */
export class Undecided extends Error {
  override name = 'Undecided'
}

/**
 * The reason why a part of a guest cannot be read: access is denied, the filesystem is damaged, a limit is
 * exceeded, or a configuration file is not what it should be. Such a guest is not ready, even if nobody
 * knows of an error.
 */
export class Unreadable extends Undecided {
  override name = 'Unreadable'
}
