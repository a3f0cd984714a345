import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import { GuestFiles } from '../../../src/guest/tree/guest-files.ts'
import { shown } from '../../../src/guest/tree/guest-path.ts'
import type { GuestTree } from '../../../src/guest/tree/guest-tree.ts'
import { walk } from '../../../src/guest/tree/walk.ts'
import { type Entries, folder, link, newGuest } from '../../support/guests/guests.ts'

/** Opens a guest for `use`. */
async function withGuest(entries: Entries, use: (tree: GuestTree, path: string) => Promise<void>): Promise<void> {
  const guest = newGuest(entries)
  const tree = await FolderTree.open(guest.path)
  try {
    await use(tree, guest.path)
  } finally {
    await tree.close()
    guest.remove()
  }
}

test('files, folders and links have their properties', async () => {
  await withGuest(
    { '/etc/motd': { text: 'hello', mode: 0o4711 }, '/etc/link': link('/x'), '/fifo': { fifo: true } },
    async (tree) => {
      expect(await tree.lstat('/etc/motd')).toMatchObject({
        kind: 'file',
        mode: 0o4711,
        size: 5,
        uid: process.getuid?.(),
      })
      expect(Math.abs(((await tree.lstat('/etc/motd'))?.mtime ?? 0) - Date.now() / 1000)).toBeLessThan(100)
      expect(await tree.lstat('/')).toMatchObject({ kind: 'folder' })
      expect(await tree.lstat('/etc/link')).toMatchObject({ kind: 'link' })
      expect(await tree.lstat('/fifo')).toMatchObject({ kind: 'FIFO' })
      expect(await tree.lstat('/none/none')).toBeUndefined()
      expect(await tree.lstat('/etc/motd/x')).toBeUndefined()
      expect((await tree.list('/etc', 10))?.sort()).toEqual(['link', 'motd'])
      expect(await tree.list('/etc', 1)).toHaveLength(1)
      expect(await tree.list('/none', 1)).toBeUndefined()
      expect((await tree.read('/etc/motd', 3)).toString()).toBe('hel')
      expect(await tree.readlink('/etc/link')).toBe('/x')
    },
  )
})

test('a source follows no link, in no part of a path, and opens only regular files', async () => {
  const entries = {
    '/etc': folder,
    '/out': link('/etc'),
    '/passwd': link('/etc/passwd'),
    '/fifo': { fifo: true } as const,
  }
  await withGuest(entries, async (tree) => {
    expect(await tree.lstat('/out/passwd')).toBeUndefined()
    expect(await tree.list('/out', 10)).toBeUndefined()
    await expect(tree.read('/passwd', 10)).rejects.toThrow('/passwd is a link, not a file')
    await expect(tree.read('/fifo', 10)).rejects.toThrow('/fifo is a FIFO, not a file')
    await expect(tree.read('/etc', 10)).rejects.toThrow('/etc is a folder, not a file')
    await expect(tree.lstat('/../x')).rejects.toThrow('not resolved')
  })
})

test('links are followed inside the guest only', async () => {
  const entries: Entries = {
    '/etc/passwd': 'guest',
    '/etc/absolute': link('/etc/passwd'),
    '/etc/up': link('../../../../../etc/passwd'),
    '/etc/chain': link('absolute'),
    '/lib': link('usr/lib'),
    '/usr/lib/x/file': 'x',
    '/usr/lib/back': link('../../etc'),
    '/etc/null': link('/dev/null'),
    '/etc/nothing': link('/lib/x/nothing/at/all'),
    '/etc/below-file': link('passwd/x'),
    '/loop/a': link('b'),
    '/loop/b': link('a'),
  }
  await withGuest(entries, async (tree) => {
    const files = new GuestFiles(tree)
    for (const path of [
      '/etc/absolute',
      '/etc/up',
      '/etc/chain',
      '/lib/back/passwd',
      '/../etc/./passwd',
      '/lib/../../etc/passwd',
    ])
      expect([path, await files.text(path)]).toEqual([path, 'guest'])
    expect(await files.leadsTo('/lib/x/file')).toBe('/usr/lib/x/file')
    expect(await files.leadsTo('/etc/nothing')).toBe('/usr/lib/x/nothing/at/all')
    expect(await files.exists('/etc/nothing')).toBe(false)
    expect(await files.exists('/etc/below-file')).toBe(false)
    // Devices are missing in most unpacked guests.
    expect(await files.text('/etc/null')).toBe('')
    expect(await files.findLink('/lib/back')).toMatchObject({ path: '/usr/lib/back', stat: { kind: 'link' } })
    expect(await files.names('/lib/back')).toContain('passwd')
    expect(await files.names('/etc/passwd')).toEqual([])
    await expect(files.find('/loop/a')).rejects.toThrow('/loop/a leads through a loop of links')
  })
})

test('names are bytes', async () => {
  const guest = newGuest({})
  const name = Buffer.from([0xff, 0x0a, 0x1b, 0x5c, 0xc3, 0xa4])
  mkdirSync(Buffer.concat([Buffer.from(`${guest.path}/`), name]))
  writeFileSync(Buffer.concat([Buffer.from(`${guest.path}/`), name, Buffer.from('/ä')]), 'found')
  const tree = await FolderTree.open(guest.path)
  const files = new GuestFiles(tree)
  const [found = ''] = await files.names('/')
  expect(Buffer.from(found, 'latin1')).toEqual(name)
  expect(await files.text(`/${found}/${Buffer.from('ä').toString('latin1')}`)).toBe('found')
  expect(shown(found)).toBe('\\xff\n\u001b\\x5c\\xc3\\xa4')
  expect(shown(Buffer.from('/ä').toString('latin1'))).toBe('/ä')
  await tree.close()
  guest.remove()
})

test('limits: bytes, names, links, all texts, and questions', async () => {
  const entries: Entries = {
    '/big': 'x'.repeat(11),
    '/a': link('b'),
    '/b': link('c'),
    '/c': 'x',
    '/names/1': '',
    '/names/2': '',
    '/names/3': '',
  }
  await withGuest(entries, async (tree) => {
    const limited = (limits: object) => new GuestFiles(tree, undefined, limits)
    await expect(limited({ text: 10 }).text('/big')).rejects.toThrow('/big is longer than 10 bytes')
    expect(await limited({ text: 11 }).text('/big')).toHaveLength(11)
    await expect(limited({ texts: 10 }).text('/big')).rejects.toThrow('longer than 10 bytes together')
    await expect(limited({ names: 2 }).names('/names')).rejects.toThrow('/names has more than 2 names')
    expect(await limited({ names: 3 }).names('/names')).toEqual(['1', '2', '3'])
    await expect(limited({ links: 1 }).text('/a')).rejects.toThrow('loop of links')
    expect(await limited({ links: 2 }).text('/a')).toBe('x')
    await expect(limited({ steps: 3 }).text('/a')).rejects.toThrow('too many files')
  })
})

test('answers of a source are not trusted', async () => {
  const stat = { kind: 'folder' as const, mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0 }
  const untrusted: GuestTree = {
    list: async () => ['..', '.', '', 'a/b', 'nul\0', 'good'],
    lstat: async (path) => (path.endsWith('/link') ? { ...stat, kind: 'link' } : stat),
    read: async () => Buffer.alloc(1 << 22),
    readlink: async () => `/${'x/'.repeat(5000)}`,
  }
  const files = new GuestFiles(untrusted)
  expect(await files.names('/')).toEqual(['good'])
  await expect(files.find('/link')).rejects.toThrow('/link is damaged')
  // Folders below folders without an end.
  const all = async () => {
    for await (const _ of walk(files, '/'));
  }
  await expect(all()).rejects.toThrow('nested too deeply')
})

test('a cancelled check asks nothing more', async () => {
  await withGuest({ '/etc/passwd': 'x' }, async (tree) => {
    const files = new GuestFiles(tree, {
      throwIfRequested() {
        throw new Error('cancelled')
      },
    })
    await expect(files.text('/etc/passwd')).rejects.toThrow('cancelled')
  })
})

test('a folder that cannot be opened is refused', async () => {
  const guest = newGuest({ '/file': '' })
  await expect(FolderTree.open(join(guest.path, 'none'))).rejects.toMatchObject({
    code: 'FILE_REFUSED',
    message: expect.stringMatching(/does not exist$/),
  })
  await expect(FolderTree.open(join(guest.path, 'file'))).rejects.toMatchObject({
    code: 'FILE_REFUSED',
    message: expect.stringMatching(/is not a folder$/),
  })
  guest.remove()
})
