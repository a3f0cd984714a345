import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, hasGalera, type Node, requireGaleraInCi, startCluster } from '../support/databases/galera.ts'
import { openSession, type Session } from '../support/process/session.ts'
import { IS_THOROUGH } from '../support/thorough.ts'

/** How often each pair of commands races, on two nodes. */
const RACES = IS_THOROUGH ? 200 : 20
/** Images that one command changes, in several units of work. */
const MANY = 230
/** The most milliseconds by which one command of a pair starts before the other. */
const AHEAD = 20

requireGaleraInCi()

describe.skipIf(!hasGalera)('on two nodes at the same moment', () => {
  let cluster: Cluster
  let shells: [Session, Session]
  beforeAll(async () => {
    cluster = await startCluster({ isPatient: true })
    shells = [0, 1].map((node) => openSession({ uri: cluster.uri(node) })) as [Session, Session]
    await ok(
      0,
      'backupstorage add --uuid bkst-main --base-uri file:///srv/main/ --storage-type local --display-name main',
    )
  })
  afterAll(async () => {
    for (const shell of shells ?? []) await shell.close()
    await cluster?.remove()
  })

  async function ok(node: 0 | 1, line: string): Promise<void> {
    const run = await shells[node].run(line.split(' '))
    expect(run, line).toMatchObject({ code: 0 })
  }
  /** Runs one line on each node, one of them up to AHEAD milliseconds later. */
  async function race(one: string, other: string) {
    const ahead = (Math.random() * 2 - 1) * AHEAD
    const [first, second] = await Promise.all([
      sleep(Math.max(0, ahead)).then(() => shells[0].run(one.split(' '))),
      sleep(Math.max(0, -ahead)).then(() => shells[1].run(other.split(' '))),
    ])
    return { first, second }
  }
  const object = (id: string, storage = 'bkst-main') =>
    `backupobject add --uuid bo-${id} --storage-id ${storage} --object-key ${id}.raw --size 512 --checksum ${'0'.repeat(32)} --display-name o`
  const image = (id: string, objectId: string, more = '') =>
    `image add local bo-${objectId} --uuid wmi-${id} --account-id a-shpoolxx${more}`

  /** Pairs of commands that must not both succeed. `before` makes what they need. */
  const PAIRS: [
    name: string,
    before: (n: number) => string[],
    one: (n: number) => string,
    other: (n: number) => string,
  ][] = [
    [
      'an object is deleted and becomes an image',
      (n) => [object(`a${n}`)],
      (n) => `backupobject del bo-a${n}`,
      (n) => image(`a${n}`, `a${n}`),
    ],
    [
      'a storage is deleted and gets an object',
      (n) => [
        `backupstorage add --uuid bkst-s${n} --base-uri file:///srv/s${n}/ --storage-type local --display-name s`,
      ],
      (n) => `backupstorage del bkst-s${n}`,
      (n) => object(`s${n}`, `bkst-s${n}`),
    ],
    [
      'an account is deleted and gets an image',
      (n) => [`account add --uuid a-d${n}`, object(`d${n}`)],
      (n) => `account del a-d${n}`,
      (n) => image(`d${n}`, `d${n}`).replace('a-shpoolxx', `a-d${n}`),
    ],
    [
      'two images become parents of each other',
      (n) => [object(`h${n}`), image(`h${n}`, `h${n}`), image(`i${n}`, `h${n}`)],
      (n) => `image modify wmi-h${n} --parent-image-id wmi-i${n}`,
      (n) => `image modify wmi-i${n} --parent-image-id wmi-h${n}`,
    ],
    [
      'two images become ancestors of each other through a third',
      (n) => [
        object(`j${n}`),
        image(`j${n}`, `j${n}`),
        image(`k${n}`, `j${n}`),
        image(`l${n}`, `j${n}`, ` --parent-image-id wmi-k${n}`),
      ],
      (n) => `image modify wmi-j${n} --parent-image-id wmi-l${n}`,
      (n) => `image modify wmi-k${n} --parent-image-id wmi-j${n}`,
    ],
    [
      'an image is deleted and protected',
      (n) => [object(`m${n}`), image(`m${n}`, `m${n}`)],
      (n) => `image del wmi-m${n}`,
      (n) => `image protect wmi-m${n}`,
    ],
    [
      'an object is deleted and its image is undeleted',
      (n) => [object(`q${n}`), image(`q${n}`, `q${n}`), `image del wmi-q${n}`],
      (n) => `backupobject del bo-q${n}`,
      (n) => `image undelete wmi-q${n}`,
    ],
  ]

  test.each(PAIRS)(`%s: never both, in ${RACES} races`, async (_, before, one, other) => {
    const outcomes = { one: 0, other: 0, both: 0, neither: 0 }
    for (let n = 0; n < RACES; n++) {
      for (const line of before(n)) await ok((n % 2) as 0 | 1, line)
      const { first, second } = await race(one(n), other(n))
      const won = [first, second].map(({ code }) => code === 0)
      outcomes[won[0] ? (won[1] ? 'both' : 'one') : won[1] ? 'other' : 'neither']++
      if (outcomes.neither > 0) expect({ first, second }).toBe('one that succeeds')
    }
    expect(outcomes).toMatchObject({ both: 0, neither: 0 })
    // Otherwise the two did not overlap.
    if (IS_THOROUGH) expect(Math.min(outcomes.one, outcomes.other)).toBeGreaterThan(0)
  })

  /** Pairs that may both succeed if the command that ends the use comes second, also in the history. */
  const ORDERED: [
    name: string,
    before: (n: number) => string[],
    ending: (n: number) => string,
    using: (n: number) => string,
    ended: (n: number) => string,
    user: (n: number) => string,
  ][] = [
    [
      'an image is deleted and becomes a parent',
      (n) => [object(`f${n}`), image(`f${n}`, `f${n}`)],
      (n) => `image del wmi-f${n}`,
      (n) => image(`g${n}`, `f${n}`, ` --parent-image-id wmi-f${n}`),
      (n) => `wmi-f${n}`,
      (n) => `wmi-g${n}`,
    ],
    [
      'an object becomes pending and gets an image',
      (n) => [object(`p${n}`)],
      (n) => `backupobject modify bo-p${n} --state pending`,
      (n) => image(`p${n}`, `p${n}`),
      (n) => `bo-p${n}`,
      (n) => `wmi-p${n}`,
    ],
  ]

  test(`an image is deleted with its object, which gets another image: never without its object, in ${RACES} races`, async () => {
    for (let n = 0; n < RACES; n++) {
      for (const line of [object(`w${n}`), image(`w${n}`, `w${n}`)]) await ok((n % 2) as 0 | 1, line)
      const { first, second } = await race(`image del wmi-w${n} --with-object`, image(`again${n}`, `w${n}`))
      expect(first).toMatchObject({ code: 0 })
      const [row] = await (cluster.nodes[0] as Node).query('SELECT state FROM backup_objects WHERE uuid = ?', [`w${n}`])
      expect(row).toEqual({ state: second.code === 0 ? 'available' : 'deleted' })
    }
  })

  test.each(ORDERED)(
    `%s: the new use comes first or is refused, in ${RACES} races`,
    async (_, before, ending, using, ended, user) => {
      let refused = 0
      for (let n = 0; n < RACES; n++) {
        for (const line of before(n)) await ok((n % 2) as 0 | 1, line)
        const { first, second } = await race(ending(n), using(n))
        expect(first, ending(n)).toMatchObject({ code: 0 })
        if (second.code !== 0) refused++
        else {
          const [row] = await (cluster.nodes[0] as Node).query(
            "SELECT (SELECT MAX(id) FROM histories WHERE uuid = ?) < (SELECT MAX(id) FROM histories WHERE uuid = ? AND attr = 'state') AS isFirst",
            [user(n), ended(n)],
          )
          expect(row).toEqual({ isFirst: 1 })
        }
      }
      if (IS_THOROUGH) expect(refused).toBeGreaterThan(0)
    },
  )

  /** Makes images of one object whose IDs begin with `start`. Returns their IDs. */
  async function manyImages(start: string): Promise<string[]> {
    await ok(0, object(start))
    await ok(0, image(`${start}0`, start))
    const node = cluster.nodes[0] as Node
    const [first = {}] = await node.query('SELECT * FROM images WHERE uuid = ?', [`${start}0`])
    const columns = Object.keys(first).filter((column) => column !== 'id')
    const uuids = Array.from({ length: MANY }, (_, index) => `${start}${index + 1}`)
    const values = uuids.flatMap((uuid) =>
      columns.map((column) => (column === 'uuid' ? uuid : (first[column] ?? null))),
    )
    const marks = `(${columns.map(() => '?').join(', ')})`
    await node.query(`INSERT INTO images (${columns.join(', ')}) VALUES ${uuids.map(() => marks).join(', ')}`, values)
    return uuids.map((uuid) => `wmi-${uuid}`)
  }

  test('deletes each of many images once, on both nodes in opposite orders', async () => {
    const ids = await manyImages('many')
    const del = (some: string[]) => `image del ${some.join(' ')} --format ndjson`
    const { first, second } = await race(del(ids), del(ids.toReversed()))
    const answers = [first, second].flatMap(({ stdout }) =>
      stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    )
    const deleted = answers.filter((answer) => answer.error === undefined).map(({ id }) => id)
    expect(deleted.sort()).toEqual(ids.toSorted())
    const refused = answers.filter((answer) => answer.error !== undefined)
    expect(new Set(refused.map(({ error }) => error.code))).toEqual(new Set(['IMAGE_DELETED']))
    expect(refused.map(({ id }) => id).sort()).toEqual(ids.toSorted())
    const told = await cluster.nodes[1]?.query(
      "SELECT uuid FROM histories WHERE attr = 'deleted_at' AND vchar_value IS NOT NULL AND uuid LIKE 'wmi-many%' ORDER BY uuid",
    )
    expect(told?.map(({ uuid }) => uuid)).toEqual(ids.toSorted())
  })

  test('an image that keeps changing on another node does not hold back others', async () => {
    const ids = await manyImages('y')
    let isOver = false
    const change = async () => {
      for (let is = true; !isOver; is = !is) await ok(1, `image features ${ids[5]} --${is ? '' : 'no-'}virtio`)
    }
    const changing = change()
    await ok(0, `image modify ${ids.join(' ')} --description patched`)
    isOver = true
    await changing
    // The node may still be applying the last commits of the other one.
    const count = () => cluster.nodes[1]?.query("SELECT COUNT(*) AS n FROM images WHERE description = 'patched'")
    await expect.poll(count).toEqual([{ n: MANY }])
  })

  test('leaves no claims', async () => {
    expect(await cluster.nodes[0]?.query("SELECT * FROM resource_labels WHERE name LIKE 'vdc-manage.use%'")).toEqual([])
  })
})
