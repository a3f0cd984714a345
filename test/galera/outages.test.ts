import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { expectWhole } from '../support/databases/consistency.ts'
import type { TestDatabase } from '../support/databases/databases.ts'
import { type Cluster, hasGalera, type Node, requireGaleraInCi, startCluster } from '../support/databases/galera.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { vdcManage } from '../support/process/cli.ts'
import { openSession } from '../support/process/session.ts'

const PATIENCE = { timeout: 60_000 }

/** How often the node stops accepting queries in each kind of work. */
const OUTAGES = 20

requireGaleraInCi()

let cluster: Cluster
let nodes: [Node, Node, Node]
beforeAll(async () => {
  if (!hasGalera) return
  cluster = await startCluster()
  nodes = cluster.nodes as [Node, Node, Node]
})
afterAll(() => cluster?.remove())

describe.skipIf(!hasGalera)('a node that answers 1047 in the middle of a unit of work', () => {
  let node: Node
  const folder = newFolder()
  beforeAll(() => {
    node = nodes[0]
  })
  afterAll(() => folder.remove())
  const database = { engine: 'mariadb', query: (sql: string) => node.query(sql) } as unknown as TestDatabase

  /**
   * Opens a shell behind a proxy. At the given statement of a command, the node starts to refuse
   * all queries. Later commands use the same connection if it is still usable.
   */
  async function openShell() {
    let at = Number.POSITIVE_INFINITY
    let seen = 0
    const proxy = await startProxy(node.port, async (): Promise<Verdict> => {
      if (++seen === at) await node.reject(true)
      return 'pass'
    })
    const shell = openSession({ uri: cluster.uri(0).replace(`:${node.port}/`, `:${proxy.port}/`) })
    return {
      async run(line: string[], statement = Number.POSITIVE_INFINITY) {
        seen = 0
        at = statement
        const run = await shell.run([...line, '--json'])
        const statements = seen
        at = Number.POSITIVE_INFINITY
        await node.reject(false)
        return { ...run, statements }
      },
      async close() {
        await shell.close()
        await proxy.close()
      },
    }
  }

  test(`import stores nothing, not even later, in ${OUTAGES} outages`, async () => {
    const rows = 3000
    const fileOf = (n: number) => {
      const accounts = Array.from({ length: rows }, (_, row) => ({
        type: 'account',
        uuid: `a-imp${n}x${row}`,
        description: 'x'.repeat(100),
        enabled: 1,
        created_at: '2026-01-01T00:00:00Z',
        updated_at: '2026-01-01T00:00:00Z',
        deleted_at: null,
        purged_at: null,
      }))
      const counts = { account: rows, backup_storage: 0, backup_object: 0, image: 0, label: 0, purged_image: 0 }
      const lines = [
        { type: 'registry', version: 1, exported_at: '2026-01-01T00:00:00Z' },
        ...accounts,
        { type: 'end', counts },
      ]
      const path = join(folder.path, `import${n}`)
      writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      return path
    }
    const stored = async (n: number) =>
      Number((await node.query(`SELECT COUNT(*) AS n FROM accounts WHERE uuid LIKE 'imp${n}x%'`))[0]?.n)
    const shell = await openShell()
    // The first import also sets up the connection.
    await shell.run(['registry', 'import', fileOf(0)])
    const { statements } = await shell.run(['registry', 'import', fileOf(OUTAGES + 1)])
    expect(await stored(OUTAGES + 1)).toBe(rows)
    for (let n = 1; n <= OUTAGES; n++) {
      // Spread over the whole import, up to its COMMIT.
      const run = await shell.run(
        ['registry', 'import', fileOf(n)],
        Math.max(2, Math.round((statements * n) / OUTAGES)),
      )
      expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'DATABASE_NOT_READY', exit: 6 } })
      expect(await shell.run(['account', 'add', '--uuid', `a-after${n}`])).toMatchObject({ code: 0 })
      expect(await stored(n)).toBe(0)
    }
    await shell.close()
    for (let n = 1; n <= OUTAGES; n++) expect(await stored(n)).toBe(0)
  })

  test('add stores nothing, not even later, in an outage at any of its statements', async () => {
    const shell = await openShell()
    const add = (path: string) => ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx']
    // The first command also creates the storage.
    await shell.run(add(await makeImage(join(folder.path, 'first.qcow2'))))
    const { statements } = await shell.run(add(await makeImage(join(folder.path, 'second.qcow2'))))
    expect(statements).toBeGreaterThanOrEqual(OUTAGES)
    let images = await expectWhole(database)
    for (let at = 1; at <= statements; at++) {
      const path = await makeImage(join(folder.path, `add${at}.qcow2`))
      const run = await shell.run(add(path), at)
      expect(JSON.parse(run.stdout), `at statement ${at}`).toMatchObject({
        error: { code: 'DATABASE_NOT_READY', exit: 6 },
      })
      expect(await shell.run(add(path))).toMatchObject({ code: 0 })
      expect(await expectWhole(database)).toBe(++images)
    }
    await shell.close()
  })

  test(`a shell that stores all lines or none stores none in ${OUTAGES} outages`, async () => {
    let at = 0
    let seen = 0
    const proxy = await startProxy(node.port, async (): Promise<Verdict> => {
      if (++seen === at) await node.reject(true)
      return 'pass'
    })
    const uri = cluster.uri(0).replace(`:${node.port}/`, `:${proxy.port}/`)
    const script = (n: number) =>
      Array.from({ length: 12 }, (_, line) => `account add --uuid a-bulk${n}x${line}\n`).join('')
    const run = (n: number) => vdcManage(['--tx', 'bulk', '-e'], { database: { uri }, input: script(n) })
    expect((await run(0)).code).toBe(0)
    const statements = seen
    for (let n = 1; n <= OUTAGES; n++) {
      seen = 0
      at = Math.max(2, Math.round((statements * n) / OUTAGES))
      const failed = await run(n)
      await node.reject(false)
      expect(failed, `at statement ${at} of ${statements}`).toMatchObject({ code: 6, stdout: '' })
      await sleep(20)
      expect(await node.query(`SELECT uuid FROM accounts WHERE uuid LIKE 'bulk${n}x%'`)).toEqual([])
    }
    await proxy.close()
  })
})

describe.skipIf(!hasGalera)('a node that loses the others while it commits', () => {
  test('reports an uncertain commit, and stores nothing twice', async () => {
    const isolate = (isAlone: 0 | 1) =>
      nodes[0].query(`SET GLOBAL wsrep_provider_options = 'gmcast.isolate=${isAlone}'`)
    const proxy = await startProxy(nodes[0].port, async (_, sql): Promise<Verdict> => {
      if (/^commit/i.test(sql)) await isolate(1)
      return 'pass'
    })
    const uri = cluster.uri(0).replace(`:${nodes[0].port}/`, `:${proxy.port}/`)
    /** Adds an account while the node is isolated, and returns the error. */
    const addAlone = async (description: string) => {
      const run = await vdcManage(['account', 'add', '--description', description, '--json'], { database: { uri } })
      await isolate(0)
      const stored = () =>
        Promise.all(nodes.map((node) => node.query('SELECT uuid FROM accounts WHERE description = ?', [description])))
      const { error } = JSON.parse(run.stdout)
      // Until the nodes have noticed the end of the isolation, or that there was one, they may refuse queries.
      await vi.waitFor(async () => {
        for (const node of nodes) await node.untilReady()
        const [first, ...others] = await stored()
        expect(first?.length).toBeLessThanOrEqual(error.code === 'DATABASE_NOT_READY' ? 0 : 1)
        expect(others).toEqual([first, first])
      }, PATIENCE)
      return error
    }
    let error = await addAlone('alone 0')
    // A node that notices that it is alone before the COMMIT comes refuses that.
    for (let n = 1; n < 5 && error.code === 'DATABASE_NOT_READY'; n++) error = await addAlone(`alone ${n}`)
    expect(error).toMatchObject({ code: 'COMMIT_UNCERTAIN', exit: 6 })
    await proxy.close()
  })
})
