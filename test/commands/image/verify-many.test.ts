import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import { verifyImages } from '../../../src/registry/image/check/verify.ts'
import { openRegistry } from '../../../src/registry/open.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import {
  imageId,
  type Line,
  objectId,
  wholeRegistry,
  writeRegistryFile,
} from '../../support/databases/registry-lines.ts'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'
import { newWatcher } from '../../support/process/watcher.ts'

/** More than one batch, plus a part of another. */
const MANY = 450

const folder = newFolder()
afterAll(() => folder.remove())

/** Images whose files are missing. Some have volumes, some have no object, and one has invalid YAML. */
function* registry(): Generator<Line> {
  for (const line of wholeRegistry(MANY, `file://${folder.path}/`)) {
    if (line.uuid === imageId(3)) yield { ...line, backup_object_id: 'bo-nowhere' }
    else if (line.uuid === imageId(4)) yield { ...line, backup_object_id: null }
    else if (line.uuid === imageId(5)) yield { ...line, volumes: volumesOf(objectId(5), objectId(6), 'bo-nowhere') }
    else if (line.uuid === imageId(205)) yield { ...line, volumes: volumesOf(objectId(204), objectId(49)) }
    else if (line.uuid === objectId(210)) yield { ...line, state: 'creating' }
    else if (line.uuid === objectId(211)) yield { ...line, backup_storage_id: null }
    else yield line
  }
}

function volumesOf(...ids: string[]): string {
  return `---\n${ids.map((id) => `- :backup_object_id: ${id}\n`).join('')}`
}

describe.each(ENGINES)('image verify of many images on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    const path = join(folder.path, `${engine}.ndjson`)
    await writeRegistryFile(path, registry())
    expect(await vdcManage(['registry', 'import', path], { database })).toMatchObject({ code: 0 })
    await database.query('UPDATE images SET volumes = ? WHERE uuid = ?', [`--- [${objectId(7)}\n`, imageId(8).slice(4)])
  })
  afterAll(() => database.remove())

  test('reports each image as if it were the only one', async () => {
    const ids = [
      imageId(8),
      ...Array.from({ length: 20 }, (_, n) => imageId(n)),
      imageId(49),
      imageId(205),
      imageId(210),
      imageId(211),
    ]
    const many = await vdcManage(['image', 'verify', '--quick', '--jobs', '1', '--format', 'ndjson', ...ids], {
      database,
    })
    const told = many.stdout.split('\n').slice(0, -1)
    for (const id of new Set(ids)) {
      const one = await vdcManage(['image', 'verify', '--quick', '--format', 'ndjson', id], { database })
      expect(told).toContain(one.stdout.trimEnd())
    }
    expect(new Set(told.map((line) => JSON.parse(line).id))).toEqual(new Set(ids))
    expect(many.stderr).toContain(`Warning: The volumes of ${imageId(8)} hold YAML that cannot be read`)
  })

  test('reports missing and invalid IDs among the others', async () => {
    const ids = Array.from({ length: MANY }, (_, n) => (n === 230 ? 'wmi-nowhere' : n === 231 ? 'no-id' : imageId(n)))
    const run = await vdcManage(['image', 'verify', '--quick', '-'], { database, input: `${ids.join('\n')}\n` })
    expect(run.code).toBe(8)
    const told = run.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(':')[0] as string)
    expect(told.toSorted()).toEqual(ids.toSorted())
    expect(run.stdout).toMatch(/^wmi-nowhere: not checked: Image wmi-nowhere does not exist$/m)
    expect(run.stdout).toMatch(/^no-id: not checked: 'no-id' is neither the ID nor the display name of an image$/m)
  })

  test('needs few statements for some hundred images', async () => {
    let statements = 0
    const registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'), { trace: () => statements++ })
    const request = { quick: true, jobs: 1 }
    const summary = await verifyImages(
      registry,
      request,
      newWatcher(),
      async () => {},
      (error) => {
        throw error
      },
    )
    await registry.close()
    expect(summary.images).toHaveLength(MANY - MANY / 50)
    expect(statements).toBeGreaterThan(5)
    expect(statements).toBeLessThan(30)
  })
})
