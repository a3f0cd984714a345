import type { EventEmitter } from 'node:events'
import type { Writable } from 'node:stream'
import type { DriverConnection } from './driver.ts'

/**
 * Runs a query and writes its rows to a stream in batches. A batch has the rows of one read
 * from the socket, so that no row waits for the next read. While the stream is full, reading
 * pauses. Resolves when the stream has ended or its reader has closed it.
 *
 * @throws errors of the driver.
 */
export function writeBatches(
  connection: DriverConnection,
  { sql, bindings }: { sql: string; bindings: unknown[] },
  stream: Writable,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let batch: object[] = []
    const flush = () => {
      if (batch.length === 0 || stream.destroyed) return
      const rows = batch
      batch = []
      if (!stream.write(rows)) connection.pause()
    }
    // If the reader closes the stream, the remaining rows are read and dropped before the next statement.
    const resume = () => connection.resume()
    stream.on('drain', resume).on('close', resume).on('close', resolve).on('error', reject)
    const running = connection.query({ sql, values: bindings, disableEval: false }) as EventEmitter
    running.on('result', (row: object) => {
      if (stream.destroyed) return
      // The driver parses everything that it has read before microtasks run.
      if (batch.push(row) === 1) queueMicrotask(flush)
    })
    running.on('error', (error: Error) => stream.destroy(error))
    running.on('end', () => {
      flush()
      if (!stream.destroyed) stream.end()
    })
  })
}
