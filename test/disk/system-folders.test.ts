import { expect, test } from 'vitest'
import { systemFolderOf } from '../../src/disk/folder/system-folders.ts'

test.each([
  ['/', '/'],
  ['/etc', '/etc'],
  ['/etc/', '/etc'],
  ['/etc/ssl/private', '/etc'],
  ['/usr/share/axsh', '/usr'],
  ['/usr/share/axsh/wakame-vdc/images-evil', '/usr'],
  ['/var/log/x', '/var/log'],
  ['/root', '/root'],
  ['/home', '/home'],
  ['/var/lib', '/var/lib'],
])('%s is in the system folder %s', (path, folder) => {
  expect(systemFolderOf(path)).toBe(folder)
})

test.each([
  '/usr/share/axsh/wakame-vdc/images',
  '/usr/share/axsh/wakame-vdc/images/old',
  '/var/lib/wakame-vdc/images',
  '/srv',
  '/etcetera',
  '/home/alice',
  '/root/images',
  '/libvirt',
])('%s is not a system folder', (path) => {
  expect(systemFolderOf(path)).toBeUndefined()
})
