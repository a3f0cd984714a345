import { busy, damaged, type Fault, full, SETTINGS, unusable } from './fault.ts'

/** The hint for a damaged file. */
export const RESTORE_FILE =
  'Restore the file from a backup, or save what is still readable with: vdc-manage registry export'

/** Failures that SQLite reports. The first that matches applies. */
export const SQLITE_FAULTS: readonly Fault[] = [
  { is: ['SQLITE_BUSY', 'SQLITE_LOCKED'], code: 'DATABASE_BUSY', says: busy, hint: 'Try again in a moment' },
  {
    is: ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY'],
    code: 'DUPLICATE_KEY',
    says: (place, text) => `The database ${place} already has a row with the same key: ${text}`,
  },
  {
    is: ['SQLITE_READONLY'],
    code: 'DATABASE_READ_ONLY',
    says: (place, text) => `The database ${place} cannot be written to: ${text}`,
    hint: 'Make the file and its folder writable',
  },
  {
    // On a full disk, the index of the write-ahead log cannot grow.
    is: ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE'],
    code: 'DATABASE_FULL',
    says: full,
    hint: 'Free space on the disk that holds the file',
  },
  {
    is: ['SQLITE_CORRUPT'],
    code: 'DATABASE_DAMAGED',
    says: damaged,
    hint: RESTORE_FILE,
  },
  {
    is: ['SQLITE_NOTADB'],
    code: 'DATABASE_UNREACHABLE',
    says: unusable,
    hint: `Check that ${SETTINGS} names a database of vdc-manage`,
  },
  {
    is: ['SQLITE_IOERR', 'SQLITE_CANTOPEN', 'SQLITE_PERM', 'SQLITE_AUTH'],
    code: 'DATABASE_UNREACHABLE',
    says: unusable,
    hint: 'Check the disk that holds the file, and the permissions of the file and its folder',
  },
]
