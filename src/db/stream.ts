import { PassThrough, type Writable } from 'node:stream'
import type { Knex } from 'knex'
import type { Database } from './database.ts'
import { explainMissing } from './schema/wakame-schema.ts'

/** The members of knex's client that a stream needs. The `_stream` of our two clients writes batches of rows. */
interface Client {
  acquireConnection(): Promise<unknown>
  releaseConnection(connection: unknown): Promise<unknown>
  stream(connection: unknown, query: object, stream: Writable, options: object): Promise<unknown>
}

/**
 * Streams the rows of a query, in batches as the database delivers them. Memory use does not depend on their number.
 *
 * @throws VdcError if the database refuses the query; INTERRUPTED or TERMINATED.
 */
export async function* streamRows<T extends object>(database: Database, query: Knex.QueryBuilder): AsyncGenerator<T[]> {
  const client: Client = database.knex.client
  try {
    const connection = await client.acquireConnection()
    // knex's stream would buffer 32 batches for a slow reader.
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
