import { busy, damaged, type Fault, full, refused, SETTINGS } from './fault.ts'

const STORAGE_FULL = /Errcode: 28\b|errno: 28\b|error 28\b|No space left/i

const notReady = (place: string, text: string) =>
  `The database ${place} is not ready: this node of the cluster does not accept queries now (it is joining, or has lost the other nodes): ${text}`
const NOT_READY = 'Wait until the node is ready again (wsrep_ready is ON), or name another node of the cluster'

const readOnly = (place: string, text: string) => `The database ${place} is read-only: ${text}`

/** Returns the message for a statement that is longer than the server accepts. */
export const packetLimit = (place: string, text: string) =>
  `The database ${place} does not accept a statement of this length: ${text}`
/** The hint for a statement that is longer than the server accepts. */
export const RAISE_PACKET_LIMIT = 'Raise max_allowed_packet on the server (16M is usual), or use shorter texts'

/** Failures that MySQL and MariaDB report for a statement. The first that matches applies. */
export const SERVER_FAULTS: readonly Fault[] = [
  {
    is: ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT'],
    code: 'DATABASE_BUSY',
    says: busy,
    hint: 'Try again in a moment',
  },
  {
    is: ['ER_DUP_ENTRY'],
    code: 'DUPLICATE_KEY',
    says: (place, text) => `The database ${place} already has a row with the same key: ${text}`,
  },
  {
    is: ['ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR'],
    code: 'SCHEMA_MISSING',
    says: (place, text) => `The database ${place} lacks part of the schema: ${text}`,
    hint: 'Run: vdc-manage db migrate',
  },
  {
    is: ['ER_TRUNCATED_WRONG_VALUE_FOR_FIELD', 'ER_DATA_TOO_LONG', 'ER_WARN_DATA_OUT_OF_RANGE'],
    code: 'VALUE_REFUSED',
    says: (place, text) => `The database ${place} cannot store a value: ${text}`,
  },
  // Galera: a node that is joining or has lost the others fails all statements with 1047, and an earlier COMMIT with 1180.
  { is: ['ER_UNKNOWN_COM_ERROR'], text: /wsrep/i, code: 'DATABASE_NOT_READY', says: notReady, hint: NOT_READY },
  {
    is: ['ER_ERROR_DURING_COMMIT'],
    text: /replication fragment|wsrep|primary component/i,
    code: 'DATABASE_NOT_READY',
    says: notReady,
    hint: NOT_READY,
  },
  {
    is: ['ER_RECORD_FILE_FULL'],
    code: 'DATABASE_FULL',
    says: full,
    hint: 'Free space on the server: on its disk, or in the tablespace of the table',
  },
  { is: ['ER_DISK_FULL'], code: 'DATABASE_FULL', says: full, hint: "Free space on the server's disk" },
  {
    is: ['EE_WRITE', 'ER_ERROR_ON_WRITE', 'ER_GET_ERRNO', 'ER_CANT_CREATE_TABLE', 'ER_ERROR_DURING_COMMIT'],
    text: STORAGE_FULL,
    code: 'DATABASE_FULL',
    says: full,
    hint: "Free space on the server's disk",
  },
  { is: ['ER_NET_PACKET_TOO_LARGE'], code: 'DATABASE_PACKET_LIMIT', says: packetLimit, hint: RAISE_PACKET_LIMIT },
  {
    is: ['ER_OPTION_PREVENTS_STATEMENT'],
    text: /read.?only/i,
    code: 'DATABASE_READ_ONLY',
    says: readOnly,
    hint: 'Name the server that accepts writes, or set read_only to OFF on this one',
  },
  {
    is: ['ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION', 'ER_READ_ONLY_MODE', 'ER_INNODB_READ_ONLY', 'ER_OPEN_AS_READONLY'],
    code: 'DATABASE_READ_ONLY',
    says: readOnly,
    hint: 'Name the server that accepts writes, or allow writes on this one (transaction_read_only, innodb_read_only)',
  },
  {
    is: ['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR'],
    code: 'DATABASE_REFUSED',
    says: refused,
    hint: `Check the user and the password in ${SETTINGS}`,
  },
  {
    is: ['ER_DBACCESS_DENIED_ERROR'],
    code: 'DATABASE_REFUSED',
    says: refused,
    hint: `Check the name of the database in ${SETTINGS}, and the privileges of the user`,
  },
  {
    is: ['ER_TABLEACCESS_DENIED_ERROR', 'ER_COLUMNACCESS_DENIED_ERROR'],
    code: 'DATABASE_REFUSED',
    says: refused,
    hint: 'Grant the user SELECT, INSERT, UPDATE, DELETE (and CREATE, for db migrate) on the database',
  },
  {
    is: ['ER_BAD_DB_ERROR'],
    code: 'DATABASE_REFUSED',
    says: refused,
    hint: `Create it on the server with CREATE DATABASE, then run vdc-manage db migrate; or correct its name in ${SETTINGS}`,
  },
  {
    // 1969: MariaDB's max_statement_time.
    is: ['ER_QUERY_INTERRUPTED', 'ER_QUERY_TIMEOUT', 1969],
    code: 'DATABASE_REFUSED',
    says: refused,
    hint: "Try again; an administrator or the server's time limit ended the statement",
  },
  {
    is: ['ER_OPTION_PREVENTS_STATEMENT', 'ER_NOT_SUPPORTED_AUTH_MODE', 'ER_UNKNOWN_COM_ERROR'],
    code: 'DATABASE_REFUSED',
    says: refused,
    hint: 'Check how the server is configured',
  },
  {
    // 1932: the tablespace of the table is missing.
    is: ['ER_NOT_KEYFILE', 'ER_CRASHED_ON_USAGE', 'ER_CRASHED_ON_REPAIR', 'ER_INDEX_CORRUPT', 'ER_TABLE_CORRUPT', 1932],
    code: 'DATABASE_DAMAGED',
    says: damaged,
    hint: 'Check the table with CHECK TABLE, and restore it from a backup',
  },
]
