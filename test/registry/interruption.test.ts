import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config.ts'
import { addAccount } from '../../src/registry/account/add.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases.ts'

/** Runs `work` so that it is interrupted at the first event of knex of that name whose statement fits. */
async function interruptedAt(
  registry: Registry,
  event: 'query' | 'query-response',
  statement: RegExp,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const { knex, interruption } = registry.database
  const listener = (first: { sql?: string }, second?: { sql?: string }) => {
    const { sql = '' } = event === 'query' ? first : (second ?? {})
    if (statement.test(sql)) interruption.request()
  }
  knex.on(event, listener)
  try {
    return await work().catch((error: unknown) => error)
  } finally {
    knex.removeListener(event, listener)
    interruption.reset()
  }
}

describe.each(ENGINES)('an interruption on %s', (engine) => {
  let database: TestDatabase
  let registry: Registry
  beforeAll(async () => {
    database = await newDatabase(engine)
    registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
  })
  afterAll(async () => {
    await registry.close()
    await database.remove()
  })
  const ids = async () =>
    (await database.query("SELECT uuid FROM accounts WHERE uuid LIKE 'i%' ORDER BY uuid")).map((row) => row.uuid)

  test('before, after and at any statement leaves nothing, and nothing for what comes next to commit', async () => {
    let next = 0
    for (const event of ['query', 'query-response'] as const) {
      for (const statement of [/^BEGIN/i, /^select/i, /^insert/i]) {
        const at = { event, statement }
        const before = await ids()
        const outcome = await interruptedAt(registry, event, statement, () =>
          addAccount(registry, { uuid: `i${++next}` }),
        )
        // What begins a transaction has no answer that knex tells of.
        if (event === 'query-response' && String(statement) === String(/^BEGIN/i)) continue
        expect({ at, outcome }).toMatchObject({ at, outcome: { code: 'INTERRUPTED' } })
        expect(await ids()).toEqual(before)
        const after = `i${++next}`
        await addAccount(registry, { uuid: after })
        expect(await ids()).toEqual([...before, after].sort())
      }
    }
  })

  test('at COMMIT comes too late: what is done is done, and said', async () => {
    const outcome = await interruptedAt(registry, 'query', /^COMMIT/i, () => addAccount(registry, { uuid: 'ilate' }))
    expect(outcome).toMatchObject({ id: 'a-ilate' })
    expect(await ids()).toContain('ilate')
  })
})
