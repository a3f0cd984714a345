import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, hasGalera, type Node, requireGaleraInCi, startCluster } from '../support/databases/galera.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { vdcManage } from '../support/process/cli.ts'
import { freePort } from '../support/process/free-port.ts'

requireGaleraInCi()

describe.skipIf(!hasGalera)('a database URI that names all nodes of a cluster', () => {
  let cluster: Cluster
  let nodes: [Node, Node, Node]
  beforeAll(async () => {
    cluster = await startCluster()
    nodes = cluster.nodes as [Node, Node, Node]
  })
  afterAll(() => cluster?.remove())
  const uriOf = (ports: number[]) => `mysql://root@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/registry`
  const uri = () => uriOf(nodes.map(({ port }) => port))
  const countOf = async (node: Node, description: string) =>
    Number((await node.query('SELECT COUNT(*) AS n FROM accounts WHERE description = ?', [description]))[0]?.n)

  test('uses the next node if one is not ready', async () => {
    await nodes[0].reject(true)
    const run = await vdcManage(['account', 'add', '--description', 'second'], { database: { uri: uri() } })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    await nodes[1].reject(true)
    await nodes[2].reject(true)
    const refused = await vdcManage(['account', 'add', '--json'], { database: { uri: uri() } })
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'DATABASE_NOT_READY', exit: 6 } })
    for (const node of nodes) {
      expect(refused.stdout).toContain(`127.0.0.1:${node.port}`)
      await node.reject(false)
    }
    await expect.poll(() => countOf(nodes[0], 'second')).toBe(1)
  })

  test('doctor checks each node', async () => {
    await nodes[1].reject(true)
    const run = await vdcManage(['doctor', '--json'], { database: { uri: uri() } })
    await nodes[1].reject(false)
    const { checks } = JSON.parse(run.stdout) as { checks: { name: string; result: string; message: string }[] }
    const ofHosts = nodes.map(({ port }) => checks.find(({ name }) => name === `127.0.0.1:${port}`))
    expect(ofHosts).toMatchObject([
      { result: 'ok' },
      { result: expect.stringMatching(/failure|warning/) },
      { result: 'ok' },
    ])
  })

  test.each([
    ['before its COMMIT', /^insert/i, 'DATABASE_CONNECTION_LOST'],
    ['at its COMMIT', /^commit/i, 'COMMIT_UNCERTAIN'],
  ])('does not repeat a unit of work elsewhere if its node is killed %s', async (description, when, code) => {
    let isHit = false
    const proxy = await startProxy(nodes[0].port, async (_, sql): Promise<Verdict> => {
      if (when.test(sql) && !isHit) {
        isHit = true
        await nodes[0].kill()
      }
      return 'pass'
    })
    const all = uriOf([proxy.port, nodes[1].port, nodes[2].port])
    const run = await vdcManage(['account', 'add', '--description', description, '--json'], {
      database: { uri: all },
    })
    expect(JSON.parse(run.stdout)).toMatchObject({ error: { code, exit: 6 } })
    // The next command uses another node.
    const next = await vdcManage(['account', 'add', '--description', `after ${description}`], {
      database: { uri: all },
    })
    expect(next).toMatchObject({ code: 0, stderr: '' })
    await proxy.close()
    await nodes[0].rejoin()
    for (const node of nodes) expect(await countOf(node, description)).toBe(0)
    for (const node of nodes) await expect.poll(() => countOf(node, `after ${description}`)).toBe(1)
  })

  test('works with any one of three nodes', async () => {
    // Only the ports are gone: if two nodes were, the third one would refuse queries.
    for (const alive of [0, 1, 2]) {
      const ports = await Promise.all(nodes.map((node, number) => (number === alive ? node.port : freePort())))
      const run = await vdcManage(['account', 'add', '--description', `only ${alive}`], {
        database: { uri: uriOf(ports) },
      })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      await expect.poll(() => countOf(nodes[0], `only ${alive}`)).toBe(1)
    }
    const dead = await Promise.all([freePort(), freePort(), freePort()])
    const run = await vdcManage(['account', 'add', '--json'], {
      database: { uri: uriOf(dead) },
    })
    expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'DATABASE_UNREACHABLE', exit: 6 } })
    for (const port of dead) expect(run.stdout).toContain(`127.0.0.1:${port}`)
  })

  test('two nodes continue without the third, but one alone does not', async () => {
    await nodes[2].kill()
    const run = await vdcManage(['account', 'add', '--description', 'two'], { database: { uri: uri() } })
    expect(run).toMatchObject({ code: 0 })
    await nodes[1].kill()
    const alone = await vdcManage(['account', 'add', '--json'], { database: { uri: uri() } })
    expect(JSON.parse(alone.stdout)).toMatchObject({
      error: { exit: 6, code: expect.stringMatching(/NOT_READY|UNREACHABLE|COMMIT_UNCERTAIN|CONNECTION_LOST/) },
    })
  })
})
