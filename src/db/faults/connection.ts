import { type Fault, SETTINGS, unreachable } from './fault.ts'

const WHETHER_IT_RUNS = `Check that the server is running and that ${SETTINGS} names the right one`
const TRY_AGAIN = 'Check that the server is running, then try again'

/** Failures of connections to a server. The first that matches applies. */
export const CONNECTION_FAULTS: readonly Fault[] = [
  {
    is: ['ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS', 'ER_USER_LIMIT_REACHED'],
    code: 'DATABASE_UNREACHABLE',
    says: unreachable,
    hint: 'Try again when other connections have closed, or raise max_connections on the server',
  },
  {
    is: ['ER_HOST_IS_BLOCKED'],
    code: 'DATABASE_UNREACHABLE',
    says: unreachable,
    hint: 'Unblock this host on the server: mysqladmin flush-hosts',
  },
  {
    is: ['ER_HOST_NOT_PRIVILEGED'],
    code: 'DATABASE_UNREACHABLE',
    says: unreachable,
    hint: 'On the server, allow the user to connect from this host',
  },
  {
    is: ['ETIMEDOUT', 'PROTOCOL_SEQUENCE_TIMEOUT'],
    code: 'DATABASE_UNREACHABLE',
    says: (place) => unreachable(place, 'no answer in time'),
    hint: WHETHER_IT_RUNS,
  },
  {
    // 1927: MariaDB's KILL CONNECTION.
    is: ['ER_SERVER_SHUTDOWN', 'ER_NORMAL_SHUTDOWN', 'ER_CLIENT_INTERACTION_TIMEOUT', 1927],
    connected: true,
    code: 'DATABASE_CONNECTION_LOST',
    says: (place, text) => `The database ${place} went away: ${text}`,
    hint: TRY_AGAIN,
  },
  {
    is: [
      'PROTOCOL_CONNECTION_LOST',
      'ECONNRESET',
      'EPIPE',
      'ER_ABORTING_CONNECTION',
      'ER_NEW_ABORTING_CONNECTION',
      'ER_NET_READ_ERROR',
      'ER_NET_READ_INTERRUPTED',
      'ER_NET_ERROR_ON_WRITE',
      'ER_NET_WRITE_INTERRUPTED',
    ],
    connected: true,
    code: 'DATABASE_CONNECTION_LOST',
    says: (place) => `The database ${place} went away: the connection was lost`,
    hint: TRY_AGAIN,
  },
  {
    is: ['PROTOCOL_CONNECTION_LOST'],
    code: 'DATABASE_UNREACHABLE',
    says: (place) => unreachable(place, 'the connection was lost'),
    hint: WHETHER_IT_RUNS,
  },
  {
    is: [
      'ECONNREFUSED',
      'ECONNRESET',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'ENOENT',
      'EACCES',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EPIPE',
      'ER_SERVER_SHUTDOWN',
      'ER_NORMAL_SHUTDOWN',
      1927,
    ],
    code: 'DATABASE_UNREACHABLE',
    says: unreachable,
    hint: WHETHER_IT_RUNS,
  },
]
