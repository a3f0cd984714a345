import { appendFileSync, copyFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { closeImageFile, type ImageFile, openImageFile } from '../../src/disk/file/image-file.ts'
import { type ImageOnHost, imageOnHost } from '../../src/registry/image/check/registered-guest.ts'
import { saveResult } from '../../src/registry/image/check/save-result.ts'
import { openRegistry } from '../../src/registry/open.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { type CheckCounts, labelsOfCheck } from '../../src/registry/rules/check-labels.ts'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../support/process/cli.ts'

/* What happens to an image or its file while it is being checked. */

const READY = { ready: true, errors: 0, warnings: 2 }
const unforced = { force: false }

function saveCheck(
  registry: Registry,
  image: ImageOnHost,
  file: ImageFile,
  report: CheckCounts,
  options: { force: boolean },
): Promise<void> {
  const labelsOf = (date: string) => labelsOfCheck(report, date)
  return saveResult(registry, image, file, { ...options, work: 'check', labelsOf })
}

describe.each(ENGINES)('the result of a check on %s', (engine) => {
  const folder = newFolder()
  const path = join(folder.path, 'a.qcow2')
  let database: TestDatabase
  let registry: Registry
  let file: ImageFile
  let image: ImageOnHost
  beforeAll(async () => {
    database = await newDatabase(engine)
    await makeImage(path)
    await makeImage(join(folder.path, 'other.qcow2'), { size: '2G' })
    const add = (id: string, name: string) =>
      `image add local ${join(folder.path, name)} --uuid wmi-${id} --account-id a-shpoolxx`
    await runLines([add('a', 'a.qcow2'), add('b', 'a.qcow2'), add('other', 'other.qcow2')], { database })
    registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
  })
  beforeEach(async () => {
    await file?.handle.close().catch(() => {})
    file = await openImageFile(path)
    image = await imageOnHost(registry, 'wmi-a', 'check')
  })
  afterAll(async () => {
    await closeImageFile(file)
    await registry.close()
    await database.remove()
    folder.remove()
  })

  const run = (...words: string[]) => vdcManage(words, { database, reject: true })
  const labels = async () => {
    const shown = await vdcManageJson(['image', 'show', 'wmi-a'], { database })
    return (shown as { labels: Record<string, string> }).labels
  }
  const refused = async (code: string, message: RegExp) => {
    const before = await allRows(database)
    await expect(saveCheck(registry, image, file, READY, unforced)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    expect(await allRows(database)).toEqual(before)
  }

  test('is stored in labels, and replaces an earlier one', async () => {
    await saveCheck(registry, image, file, { ready: false, errors: 3, warnings: 1 }, unforced)
    expect(await labels()).toMatchObject({
      'vdc-manage.check.result': 'not-ready',
      'vdc-manage.check.errors': '3',
      'vdc-manage.check.warnings': '1',
    })
    await saveCheck(registry, image, file, READY, unforced)
    expect(Object.keys(await labels())).toHaveLength(4)
    const { stdout } = await run('image', 'list', '--quiet', '--label', 'vdc-manage.check.errors=0')
    expect(stdout).toBe('wmi-a\n')
    const shown = await run('image', 'show', 'wmi-a', 'wmi-b')
    expect(shown.stdout.match(/^check: .*$/gm)).toEqual([
      expect.stringMatching(/^check: +ready on \d{4}-\d\d-\d\d \(0 errors, 2 warnings\)$/),
    ])
    expect((await run('image', 'show', 'wmi-a', '-c', 'labels')).stdout).toMatch(/vdc-manage\.check\.errors: +0$/m)
  })

  test('is forgotten when the image boots from something else', async () => {
    await saveCheck(registry, image, file, READY, unforced)
    await run('image', 'label', 'wmi-a', 'os=lucid')
    await run('image', 'modify', 'wmi-a', '--description', 'as before', '--file-format', 'qcow2')
    expect(Object.keys(await labels())).toHaveLength(5)
    const other = await imageOnHost(registry, 'wmi-other', 'check')
    const was = image.backup_object.id
    await run('image', 'modify', 'wmi-a', '--backup-object-id', other.backup_object.id)
    expect(await labels()).toEqual({ os: 'lucid' })
    await refused('OBJECT_CONFLICT', /^Image wmi-a was changed while its file was being checked, so the result was not/)
    await run('image', 'modify', 'wmi-a', '--backup-object-id', was)
    await run('image', 'label', 'wmi-a', 'os-')
  })

  test('is not stored if the image was deleted or protected meanwhile', async () => {
    await run('image', 'del', 'wmi-a')
    await refused('IMAGE_DELETED', /^Image wmi-a is deleted/)
    await run('image', 'undelete', 'wmi-a')
    await run('image', 'protect', 'wmi-a')
    await refused('IMAGE_PROTECTED', /^Image wmi-a is protected/)
    await saveCheck(registry, image, file, READY, { force: true })
    expect(await labels()).toMatchObject({ 'vdc-manage.check.warnings': '2' })
    await run('image', 'unprotect', 'wmi-a')
  })

  test('is not stored if the object was changed meanwhile', async () => {
    await run('backupobject', 'modify', image.backup_object.id, '--checksum', 'f'.repeat(32))
    await refused('OBJECT_CONFLICT', /was changed while its file was being checked/)
    await run('backupobject', 'modify', image.backup_object.id, '--checksum', image.backup_object.checksum)
  })

  test('is not stored if the file was replaced or written to meanwhile', async () => {
    copyFileSync(path, `${path}.new`)
    renameSync(`${path}.new`, path)
    await refused('FILE_CHANGED', /a\.qcow2 was changed while it was being checked, so the result was not saved$/)
    await file.handle.close()
    file = await openImageFile(path)
    appendFileSync(path, 'x')
    await refused('FILE_CHANGED', /was changed while it was being checked/)
  })

  test('is shown as labels if another program wrote them', async () => {
    const other = await imageOnHost(registry, 'wmi-b', 'check')
    for (const [name, value] of [
      ['result', 'toString'],
      ['errors', '1e3'],
      ['date', 'today\u001b[31m'],
    ]) {
      await saveCheck(registry, other, file, READY, unforced)
      expect((await run('image', 'show', 'wmi-b')).stdout).toMatch(/^check:/m)
      await database.query('UPDATE resource_labels SET string_value = ? WHERE name = ?', [
        value as string,
        `vdc-manage.check.${name}`,
      ])
      const { stdout } = await run('image', 'show', 'wmi-b')
      expect(stdout).not.toMatch(/^check:/m)
      expect(stdout).toMatch(/^labels\.vdc-manage\.check\.warnings: +2$/m)
    }
  })
})
