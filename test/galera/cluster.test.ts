import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, hasGalera, type Node, requireGaleraInCi, startCluster } from '../support/databases/galera.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { environment, PROGRAM, vdcManage } from '../support/process/cli.ts'
import { openSession, type Session } from '../support/process/session.ts'
import { IS_THOROUGH } from '../support/thorough.ts'

/** How often each test repeats its work. */
const [SHOWN, PURGED, PURGED_TWICE, LABELLED] = IS_THOROUGH ? [500, 100, 20, 100] : [60, 12, 3, 12]
/** Lines that each process runs while a node is killed. */
const LINES = IS_THOROUGH ? 100 : 50
/** Bulk scripts that run at once. */
const SCRIPTS = IS_THOROUGH ? 8 : 4

requireGaleraInCi()

describe.skipIf(!hasGalera)('a cluster of three nodes', () => {
  let cluster: Cluster
  let nodes: [Node, Node, Node]
  let shells: [Session, Session, Session]
  const folder = newFolder()
  beforeAll(async () => {
    cluster = await startCluster()
    nodes = cluster.nodes as [Node, Node, Node]
    shells = [0, 1, 2].map((node) => openSession({ uri: cluster.uri(node) })) as [Session, Session, Session]
    await ok(
      0,
      'backupstorage add --uuid bkst-main --base-uri file:///srv/main/ --storage-type local --display-name main',
    )
    await ok(
      0,
      `backupobject add --uuid bo-main --storage-id bkst-main --object-key main.raw --size 512 --checksum ${'0'.repeat(32)} --display-name o`,
    )
  })
  afterAll(async () => {
    for (const shell of shells ?? []) await shell.close()
    await cluster?.remove()
    folder.remove()
  })

  async function ok(node: 0 | 1 | 2, line: string): Promise<string> {
    const run = await shells[node].run(line.split(' '))
    expect(run, line).toMatchObject({ code: 0 })
    return run.stdout.trim()
  }

  test(`finds ${SHOWN} IDs on another node as soon as they are printed`, async () => {
    for (let n = 0; n < SHOWN; n++) {
      const id = await ok(0, 'image add local bo-main --account-id a-shpoolxx')
      const shown = await shells[1].run(['image', 'show', id, '-c', 'id', '--format', 'csv'])
      expect(shown, id).toMatchObject({ code: 0 })
    }
  })

  test(`keeps a file that is purged on one node and registered on another, or does not register it, ${PURGED} times`, async () => {
    const files = await makeImage(join(folder.path, 'first.qcow2'))
    await ok(1, `image add local ${files} --account-id a-shpoolxx`)
    const outcomes = { registered: 0, purged: 0 }
    for (let n = 0; n < PURGED; n++) {
      const path = await makeImage(join(folder.path, `f${n}.qcow2`))
      const id = await ok(1, `image add local ${path} --account-id a-shpoolxx`)
      const object = JSON.parse((await shells[1].run(['image', 'show', id, '--json'])).stdout).backup_object_id
      await ok(1, `image del ${id}`)
      await ok(1, `backupobject del ${object}`)
      await ok(1, `image purge ${id} --older-than 0d --yes`)
      const [purge, registration] = await Promise.all([
        sleep(Math.random() * 30).then(() =>
          shells[0].run(['image', 'purge', '--files', '--older-than', '0d', '--yes']),
        ),
        sleep(Math.random() * 80).then(() =>
          shells[1].run(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx']),
        ),
      ])
      const isRegistered = registration.code === 0
      outcomes[isRegistered ? 'registered' : 'purged']++
      expect({ isThere: existsSync(path), purge, registration }).toMatchObject({ isThere: isRegistered })
      rmSync(path, { force: true })
    }
    if (IS_THOROUGH) expect(Math.min(outcomes.registered, outcomes.purged), JSON.stringify(outcomes)).toBeGreaterThan(0)
  })

  test(`purges the same files on two nodes at once and leaves none aside, ${PURGED_TWICE} times`, async () => {
    for (let n = 0; n < PURGED_TWICE; n++) {
      const paths: string[] = []
      const objects: string[] = []
      for (let file = 0; file < 4; file++) {
        const path = await makeImage(join(folder.path, `twice${n}-${file}.qcow2`))
        const id = await ok(2, `image add local ${path} --account-id a-shpoolxx`)
        const object = JSON.parse((await shells[2].run(['image', 'show', id, '--json'])).stdout).backup_object_id
        await ok(2, `image del ${id}`)
        await ok(2, `backupobject del ${object}`)
        await ok(2, `image purge ${id} --older-than 0d --yes`)
        paths.push(path)
        objects.push(object)
      }
      const runs = await Promise.all(
        ([0, 1] as const).map(async (node) => {
          await sleep(Math.random() * 30)
          return shells[node].run(['image', 'purge', '--files', '--older-than', '0d', '--yes'])
        }),
      )
      expect(runs).toMatchObject([{ code: 0 }, { code: 0 }])
      expect(paths.filter((path) => existsSync(path))).toEqual([])
      for (const object of objects) {
        const { state } = JSON.parse((await shells[2].run(['backupobject', 'show', object, '--json'])).stdout)
        expect(state).toBe('purged')
      }
    }
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.vdc-manage'))).toEqual([])
  })

  test('accepts two values of a label at once, and keeps one of them', async () => {
    const id = await ok(0, 'image add local bo-main --account-id a-shpoolxx')
    for (let n = 0; n < LABELLED; n++) {
      const runs = await Promise.all(
        ([0, 1] as const).map(async (node) => {
          await sleep(Math.random() * 20)
          return shells[node].run(['image', 'label', id, `l${n % 10}=${n} on ${node}`])
        }),
      )
      expect(runs).toMatchObject([{ code: 0 }, { code: 0 }])
      const { labels } = JSON.parse((await shells[2].run(['image', 'show', id, '--json'])).stdout)
      expect([`${n} on 0`, `${n} on 1`]).toContain(labels[`l${n % 10}`])
    }
  })

  test(`completes ${SCRIPTS} bulk scripts of 12 lines on the same rows at once`, {
    timeout: 900_000,
  }, async () => {
    const ids = await Promise.all(
      Array.from({ length: 4 }, () => ok(0, 'image add local bo-main --account-id a-shpoolxx')),
    )
    const script = (n: number) =>
      Array.from(
        { length: 12 },
        (_, line) => `image modify ${ids[(n + line) % ids.length]} --description ${n}.${line}\n`,
      ).join('')
    const change = async (shell: Session) => {
      const id = ids[Math.floor(Math.random() * ids.length)] as string
      const run = await shell.run(['image', 'modify', id, '--description', `${Math.random()}`, '--json'])
      // On a slow machine, the scripts may be faster for 30 s.
      if (run.code !== 0) expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'DATABASE_BUSY' } })
      else changes++
    }
    // Meanwhile others keep changing these rows, at a pace that depends on the load of the machine.
    let isOver = false
    let changes = 0
    const others = shells.map(async (shell) => {
      while (!isOver) {
        const started = Date.now()
        await change(shell)
        const end = Date.now() + Math.random() * 20 * (Date.now() - started)
        while (!isOver && Date.now() < end) await sleep(Math.min(1000, end - Date.now()))
      }
    })
    const runs = await Promise.all(
      Array.from({ length: SCRIPTS }, (_, n) =>
        vdcManage(['--tx', 'bulk', '-e'], { database: { uri: cluster.uri(n % 3) }, input: script(n) }),
      ),
    )
    isOver = true
    await Promise.all(others)
    for (const run of runs) expect(run).toMatchObject({ code: 0, stderr: '' })
    console.log(`${SCRIPTS} bulk scripts of 12 lines on 4 images succeeded during ${changes} other changes`)
    expect(changes).toBeGreaterThan(0)
  })

  test('loses and duplicates nothing if a node is killed under the load of 12 processes and rejoins', async () => {
    const processes = Array.from({ length: 12 }, (_, n) => {
      const lines = Array.from(
        { length: LINES },
        (_, line) => `image add local bo-main --account-id a-load${n} --create-account --description ${line}\n`,
      )
      return execa(PROGRAM, [], {
        env: environment({ database: { uri: cluster.uri(n % 3) } }),
        extendEnv: false,
        reject: false,
        input: lines.join(''),
      })
    })
    for (let stored = 0; stored < 3 * LINES; await sleep(50)) {
      const [row] = await nodes[0].query("SELECT COUNT(*) AS n FROM images WHERE account_id LIKE 'a-load%'")
      stored = Number(row?.n)
    }
    await nodes[2].kill()
    const runs = await Promise.all(processes)
    const printed = runs.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line !== ''))
    for (const [n, { exitCode }] of runs.entries()) if (n % 3 !== 2) expect(exitCode).toBe(0)
    expect(printed.length).toBeGreaterThan(8 * LINES)
    await nodes[2].rejoin()
    for (const table of ['accounts', 'images', 'histories', 'backup_objects', 'resource_labels']) {
      // The nodes apply the last transactions in their own time.
      const sums = () => Promise.all(nodes.map((node) => node.query(`CHECKSUM TABLE ${table} EXTENDED`)))
      await expect
        .poll(async () => new Set((await sums()).map(([row]) => row?.Checksum)).size, { message: table })
        .toBe(1)
    }
    const rows = await nodes[2].query("SELECT uuid FROM images WHERE account_id LIKE 'a-load%'")
    const stored = rows.map(({ uuid }) => `wmi-${uuid}`)
    expect(printed.filter((id) => !stored.includes(id))).toEqual([])
    expect(new Set(printed).size).toBe(printed.length)
    const doubled = await nodes[0].query(
      "SELECT account_id, description, COUNT(*) AS n FROM images WHERE account_id LIKE 'a-load%' GROUP BY account_id, description HAVING n > 1",
    )
    expect(doubled).toEqual([])
  })
})
