import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Interruption } from '../../src/core/interruption.ts'
import { isCompanion } from '../../src/disk/folder/companions.ts'
import { findImages } from '../../src/disk/folder/find-images.ts'
import { newFolder } from '../support/files/images.ts'

const folders: ReturnType<typeof newFolder>[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove()
})

/** Makes a folder with empty files at these paths. */
function tree(...paths: string[]): string {
  const folder = newFolder()
  folders.push(folder)
  for (const path of paths) {
    mkdirSync(join(folder.path, path, '..'), { recursive: true })
    writeFileSync(join(folder.path, path), '')
  }
  return folder.path
}

const find = (path: string, interruption = new Interruption()) => findImages(path, interruption)

test('finds the files that may be disk images, sorted by their bytes', async () => {
  const root = tree(
    'b.raw',
    'a/z.qcow2',
    'a/y',
    'C.vmdk',
    'é.raw',
    'a.raw',
    '.hidden/x.raw',
    '.x.raw',
    'SHA256SUMS',
    'a/README',
  )
  symlinkSync('b.raw', join(root, 'link.raw'))
  symlinkSync('a', join(root, 'link'))
  execFileSync('mkfifo', [join(root, 'fifo')])
  const { files, skipped, errors } = await find(root)
  expect(files.map((path) => path.slice(root.length + 1))).toEqual([
    'C.vmdk',
    'a/y',
    'a/z.qcow2',
    'a.raw',
    'b.raw',
    'é.raw',
  ])
  expect(skipped).toEqual(['.hidden', '.x.raw', 'SHA256SUMS', 'a/README', 'fifo', 'link', 'link.raw'])
  expect(errors).toEqual([])
})

test('follows a link that is named, and names real paths', async () => {
  const root = tree('pictures/a.raw')
  symlinkSync('pictures', join(root, 'link'))
  expect((await find(join(root, 'link'))).files).toEqual([join(root, 'pictures/a.raw')])
})

test('names a path that is not UTF-8 so that it is refused later', async () => {
  const root = tree()
  writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff]), Buffer.from('.raw')]), '')
  expect((await find(root)).files).toEqual([`${root}/bad\ufffd.raw`])
})

test('refuses a folder that is missing, too deep or interrupted, and skips filesystems of the kernel', async () => {
  await expect(find('/nonexistent')).rejects.toMatchObject({
    code: 'FILE_REFUSED',
    message: 'The folder /nonexistent does not exist on this host',
  })
  const root = tree(`${'d/'.repeat(70)}a.raw`)
  await expect(find(root)).rejects.toMatchObject({
    code: 'FILE_REFUSED',
    message: `The folder ${root} has more than 64 folders inside each other`,
  })
  const interruption = new Interruption()
  interruption.request()
  await expect(find(root, interruption)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(await find('/proc/self/net')).toMatchObject({ files: [] })
})

test.each([
  ['SHA256SUMS', true],
  ['md5sums.txt', true],
  ['Fedora-Cloud-39-1.5-x86_64-CHECKSUM', true],
  ['SHA256SUMS.gpg', true],
  ['lucid.raw.sha256', true],
  ['lucid.raw.asc', true],
  ['README', true],
  ['readme.first', true],
  ['lucid.manifest', true],
  ['lucid.ovf', true],
  ['lucid.qcow2.part', true],
  ['lucid.qcow2~', true],
  ['release-2.qcow2', false],
  ['manifest.raw', false],
  ['index', true],
  ['bo-k3x9q0bz', false],
  ['sums.raw', false],
  ['lucid', false],
  ['lucid.raw.gz', false],
  ['disk.img', false],
])('takes %s for a companion: %s', (name, is) => {
  expect(isCompanion(name)).toBe(is)
})
