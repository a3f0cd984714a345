// knex has no types for its dialects, although its documentation says to extend
// them. Only the members that src/db overrides or calls are declared.
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
    /** knex doesn't know `uri` and `busyTimeout`; src/db/sqlite sets and reads them. */
    connectionSettings: { filename: string; uri?: string; busyTimeout?: number }
    _query(connection: unknown, query: unknown): Promise<unknown>
    query(connection: unknown, query: unknown): Promise<unknown>
    _formatBindings(bindings: readonly unknown[] | undefined): unknown[]
  }
}
