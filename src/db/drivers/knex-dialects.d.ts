// knex ships no types for its dialects, which its documentation names as the
// classes to extend. Only what this folder overrides is declared.
declare module 'knex/lib/dialects/mysql2/index.js' {
  import { Knex } from 'knex'
  export default class MysqlClient extends Knex.Client {
    checkVersion(connection: unknown): Promise<unknown>
    _query(connection: unknown, query: unknown): Promise<unknown>
    _stream(connection: unknown, query: object, stream: NodeJS.WritableStream, options: object): Promise<unknown>
    query(connection: unknown, query: { sql: string } | string): Promise<unknown>
  }
}
declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import { Knex } from 'knex'
  export default class SqliteClient extends Knex.Client {
    /** `uri` and `busyTimeout` are our own. */
    connectionSettings: { filename: string; uri?: string; busyTimeout?: number }
    _query(connection: unknown, query: unknown): Promise<unknown>
    query(connection: unknown, query: unknown): Promise<unknown>
    _formatBindings(bindings: readonly unknown[] | undefined): unknown[]
  }
}
