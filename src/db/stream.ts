import { PassThrough, type Writable } from 'node:stream'
import type { Knex } from 'knex'
import type { Database } from './database.ts'
import { explainMissing } from './schema/wakame-schema.ts'

/** What knex's own streams use of its client; the `_stream` of our two clients writes batches of rows. */
interface Client {
  acquireConnection(): Promise<unknown>
  releaseConnection(connection: unknown): Promise<unknown>
  stream(connection: unknown, query: object, stream: Writable, options: object): Promise<unknown>
}

/** Streams the rows that a query finds, in batches as the database delivers them; memory does not grow with their number. */
export async function* streamRows<T extends object>(database: Database, query: Knex.QueryBuilder): AsyncGenerator<T[]> {
  const client: Client = database.knex.client
  try {
    const connection = await client.acquireConnection()
    // knex's own stream would hold 32 batches while its reader waits.
    const batches = new PassThrough({ objectMode: true, highWaterMark: 1 })
    const closed = new Promise((resolve) => batches.once('close', resolve))
    try {
      client.stream(connection, query.toSQL(), batches, {}).catch((error) => batches.destroy(error))
      for await (const rows of batches) {
        database.interruption.throwIfRequested()
        yield rows as T[]
      }
    } finally {
      batches.destroy()
      await closed
      await client.releaseConnection(connection)
    }
  } catch (error) {
    throw await explainMissing(
      database.translate(error),
      async () => (await database.knex('schema_info').first('version'))?.version,
    )
  }
}
