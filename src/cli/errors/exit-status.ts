/** The meanings of the exit codes, for help, manual pages and docs. */
export const EXIT_STATUS: Readonly<Record<number, string>> = {
  0: 'success',
  1: 'internal error, or stdout could not be written',
  2: 'usage error: unknown command or option, missing argument',
  3: 'a value, a file or a setting was refused, or the file is missing',
  4: 'there is no such image, account, backup object, backup storage or history',
  5: 'conflict: already exists, in use, protected, changed, disabled, deleted or ambiguous',
  6: 'the database, qemu-img or libguestfs cannot be reached or run, or a file cannot be written',
  7: 'the schema is missing or must be migrated',
  8: 'verification found differences',
  9: 'one or more of several items failed',
  130: 'interrupted or not confirmed; nothing is half done',
  143: 'terminated by SIGTERM or SIGHUP; nothing is half done',
}
