import { describe, expect, test } from 'vitest'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import type { VdcError } from '../../../src/core/errors.ts'
import { openDatabase } from '../../../src/db/open.ts'
import { streamRows } from '../../../src/db/stream.ts'
import {
  answerSession,
  column,
  EOF,
  type Manners,
  OK,
  row,
  startUntrustedServer,
  type UntrustedServer,
  type Visit,
} from '../../support/databases/untrusted-server.ts'

/* Servers that never stop sending: the client disconnects at a limit, and uses little memory. */

const MIB = 1024 * 1024

async function serve<T>(manners: Manners, use: (server: UntrustedServer) => Promise<T>): Promise<T> {
  const server = await startUntrustedServer(manners)
  try {
    return await use(server)
  } finally {
    await server.close()
  }
}

/** Answers the statements that set up a session, and calls `answer` for all others. */
const answering = (answer: (client: Visit) => Promise<unknown>): Manners => ({
  async visit(client) {
    await client.greet()
    client.send(OK)
    for (;;) {
      if (!answerSession(client, await client.receive())) await answer(client)
    }
  },
})

/** Sends as fast as the client reads, until it disconnects. */
async function forever(client: Visit, next: () => void): Promise<void> {
  const socket = client.socket()
  for (let sent = 0; !socket.destroyed; sent++) {
    next()
    if (socket.writableLength > MIB) {
      await new Promise<void>((resolve) => {
        const go = () => {
          socket.off('drain', go).off('close', go)
          resolve()
        }
        socket.on('drain', go).on('close', go)
      })
    } else if (sent % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Returns a function that sends 256 rows after a header. After 256 packets, their numbers start again. */
function manyRows(client: Visit, of: Buffer): () => void {
  const packets = Array.from({ length: 256 }, (_, index) =>
    Buffer.concat([Buffer.from([of.length, 0, 0, (index + 4) % 256]), of]),
  )
  const bytes = Buffer.concat(packets)
  return () => client.sendRaw(bytes)
}

const header = (client: Visit) => {
  client.send(Buffer.from([1]))
  client.send(column('n'))
  client.send(EOF)
}
const full = (byte: number, length: number) => Buffer.alloc(length, byte)

type Ask = (server: UntrustedServer) => Promise<VdcError | number>
const open = (server: UntrustedServer) =>
  openDatabase(parseDatabaseUri(`mysql://root@127.0.0.1:${server.port}/w`, 'the test'))
const whole: Ask = async (server) => {
  const database = await open(server)
  try {
    return (await database.knex('images').select('n')).length
  } catch (error) {
    return error as VdcError
  } finally {
    await database.close()
  }
}
const streamed: Ask = async (server) => {
  const database = await open(server)
  let rows = 0
  try {
    for await (const batch of streamRows(database, database.knex('images').select('n'))) rows += batch.length
    return rows
  } catch (error) {
    return error as VdcError
  } finally {
    await database.close()
  }
}

/** Runs `work`. Returns its result, and by how much memory grew at most. */
async function growth<T>(work: () => Promise<T>): Promise<[T, MiB: number]> {
  const before = process.memoryUsage.rss()
  let most = before
  const watching = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 20)
  const result = await work()
  clearInterval(watching)
  return [result, (most - before) / MIB]
}

describe('a malformed answer', () => {
  test.each([
    ['an empty packet as a header', whole, [Buffer.alloc(0)], /an empty packet$/],
    ['an empty packet as a column', whole, [Buffer.from([1]), Buffer.alloc(0)], /an empty packet$/],
    ['columns without an end', whole, [Buffer.from([1]), column('n'), row('x')], /columns without an end$/],
    [
      'an empty packet at the end of the columns',
      whole,
      [Buffer.from([1]), column('n'), Buffer.alloc(0)],
      /an empty packet$/,
    ],
    ['an empty packet as a row', whole, [Buffer.from([1]), column('n'), EOF, Buffer.alloc(0), EOF], /an empty packet$/],
    [
      'a malformed row of a stream',
      streamed,
      [Buffer.from([2]), column('n'), column('m'), EOF, Buffer.from([1, 97, 255]), EOF],
      /broke/,
    ],
    [
      'a malformed row',
      whole,
      [Buffer.from([2]), column('n'), column('m'), EOF, Buffer.from([1, 97, 255]), EOF],
      /broke/,
    ],
  ] as const)('is an error: %s', async (_, ask, packets, says) => {
    const answer = async (client: Visit) => {
      for (const packet of packets) client.send(packet)
    }
    await serve(answering(answer), async (server) => {
      const started = performance.now()
      const error = await ask(server)
      expect(error).toMatchObject({ code: 'DATABASE_CONNECTION_LOST', exit: 6, message: expect.stringMatching(says) })
      expect(performance.now() - started).toBeLessThan(60_000)
    })
  })
})

describe('an endless answer', () => {
  test.each([
    [
      'rows',
      whole,
      /an answer of more than 128 MiB$/,
      (client: Visit) => {
        header(client)
        return forever(client, manyRows(client, row('0123456789')))
      },
    ],
    [
      'empty rows',
      whole,
      /an answer of more than 128 MiB$/,
      (client: Visit) => {
        header(client)
        return forever(client, manyRows(client, Buffer.from([0])))
      },
    ],
    [
      'columns',
      whole,
      /a result of more than 4096 columns$/,
      (client: Visit) => {
        client.send(Buffer.from([0xfd, 0xff, 0xff, 0xff]))
        return forever(client, () => client.send(column('n')))
      },
    ],
    [
      'columns of a stream',
      streamed,
      /a result of more than 4096 columns$/,
      (client: Visit) => {
        client.send(Buffer.from([0xfe, 1, 0, 0, 0, 1, 0, 0, 0]))
        return forever(client, () => client.send(column('n')))
      },
    ],
    [
      'columns of 7 MiB in a stream',
      streamed,
      /an answer of more than 128 MiB$/,
      (client: Visit) => {
        client.send(Buffer.from([0xfc, 0, 16]))
        return forever(client, () => client.send(Buffer.concat([column('n'), full(0, 7 * MIB)])))
      },
    ],
    [
      'results of a stream',
      streamed,
      /more than was asked for$/,
      (client: Visit) => {
        // The status SERVER_MORE_RESULTS_EXISTS.
        return forever(client, () => client.send(Buffer.from([0, 0, 0, 8, 0, 0, 0])))
      },
    ],
    [
      'results',
      whole,
      /more than was asked for$/,
      (client: Visit) => forever(client, () => client.send(Buffer.from([0, 0, 0, 8, 0, 0, 0]))),
    ],
    [
      'a packet in parts of 16 MiB',
      streamed,
      /a packet of more than 8 MiB$/,
      (client: Visit) => {
        header(client)
        return forever(client, () => client.send(full(0x20, 0xffffff)))
      },
    ],
    [
      'packets out of order',
      streamed,
      /packets out of order$/,
      (client: Visit) => {
        client.send(Buffer.from([1]), 7)
        return Promise.resolve()
      },
    ],
  ] as const)('is cut off: %s', async (_, ask, says, answer) => {
    await serve(answering(answer), async (server) => {
      const [error, grown] = await growth(() => ask(server))
      expect(error).toMatchObject({ code: 'DATABASE_CONNECTION_LOST', exit: 6, message: expect.stringMatching(says) })
      // 128 MiB and their rows, and the memory of the test's server.
      expect(grown).toBeLessThan(1500)
    })
  })

  test('is streamed: 200 MiB of rows are read in little memory', async () => {
    const manners = answering(async (client) => {
      header(client)
      const long = Buffer.concat([Buffer.from([0xfc, 0, 16]), full(0x61, 4096)])
      for (let sent = 0; sent < 50_000; sent++) {
        client.send(long)
        if (client.socket().writableLength > MIB) await new Promise((resolve) => client.socket().once('drain', resolve))
      }
      client.send(EOF)
    })
    await serve(manners, async (server) => {
      const [rows, grown] = await growth(() => streamed(server))
      expect(rows).toBe(50_000)
      expect(grown).toBeLessThan(300)
    })
  })
})

describe('an endless greeting', () => {
  test.each([
    [
      'one packet',
      (client: Visit) => client.sendRaw(Buffer.concat([Buffer.from([0xff, 0xff, 0x0f, 0, 10]), full(0x61, MIB)])),
    ],
    [
      'many packets after the login',
      async (client: Visit) => {
        await client.greet()
        await forever(client, () => client.send(Buffer.concat([Buffer.from([1]), full(0, 100)])))
      },
    ],
  ] as const)('is cut off: %s', async (_, greet) => {
    await serve({ visit: async (client) => greet(client) }, async (server) => {
      const started = Date.now()
      expect(await whole(server)).toMatchObject({ exit: 6, code: expect.stringMatching(/^DATABASE_/) })
      expect(Date.now() - started).toBeLessThan(60_000)
    })
  })
})

test.concurrent('ends a list that stops in the middle after 30 s, with exit code 6', async () => {
  const manners = answering(async (client) => {
    header(client)
    client.send(row('a'))
    await new Promise(() => {})
  })
  await serve(manners, async (server) => {
    const started = Date.now()
    expect(await streamed(server)).toMatchObject({ exit: 6, message: expect.stringMatching(/no answer in time$/) })
    expect(Date.now() - started).toBeGreaterThan(29_000)
    expect(Date.now() - started).toBeLessThan(80_000)
  })
})

test.concurrent('continues a list whose reader pauses for longer', async () => {
  const manners = answering(async (client) => {
    header(client)
    for (let sent = 0; sent < 20_000; sent++) client.send(row('x'.repeat(200)))
    client.send(EOF)
  })
  await serve(manners, async (server) => {
    const database = await open(server)
    let rows = 0
    for await (const batch of streamRows(database, database.knex('images').select('n'))) {
      if (rows === 0) await new Promise((resolve) => setTimeout(resolve, 34_000))
      rows += batch.length
    }
    expect(rows).toBe(20_000)
    await database.close()
  })
})
