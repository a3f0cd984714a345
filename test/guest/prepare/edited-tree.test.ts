import { afterEach, describe, expect, test } from 'vitest'
import type { Edit } from '../../../src/guest/prepare/edit.ts'
import { EditedTree } from '../../../src/guest/prepare/edited-tree.ts'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import { type Entries, link, newGuest } from '../../support/guests/guests.ts'
import { inTime } from '../../support/in-time.ts'

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

/** A guest after edits, and what each edit returned. */
async function edited(entries: Entries, ...edits: Edit[]): Promise<{ tree: EditedTree; changes: boolean[] }> {
  const guest = newGuest(entries)
  const folder = await FolderTree.open(guest.path)
  opened.push(async () => {
    await folder.close()
    guest.remove()
  })
  const tree = new EditedTree(folder)
  const changes: boolean[] = []
  for (const edit of edits) changes.push(await tree.apply(edit))
  return { tree, changes }
}

const remove = (path: string): Edit => ({ action: 'remove', path })
const write = (path: string, text: string, mode?: number): Edit => ({
  action: 'write',
  path,
  text,
  ...(mode !== undefined && { mode }),
})

describe('a removed folder', () => {
  test('is gone with all that is in it', async () => {
    const { tree } = await edited({ '/a/b/c': 'x', '/a/d': 'y' }, remove('/a/b'))
    expect(await tree.list('/a', 10)).toEqual(['d'])
    expect(await tree.list('/a/b', 10)).toBeUndefined()
    expect(await tree.lstat('/a/b/c')).toBeUndefined()
    await expect(tree.read('/a/b/c', 10)).rejects.toThrow('/a/b/c does not exist')
    await expect(tree.readlink('/a/b/c')).rejects.toThrow('/a/b/c does not exist')
  })

  test('has only what is made in it after that', async () => {
    const { tree } = await edited({ '/a/b/c': 'x' }, write('/a/b/e', 'e'), remove('/a/b'), write('/a/b/f', 'f'))
    expect(await tree.list('/a', 10)).toEqual(['b'])
    expect(await tree.list('/a/b', 10)).toEqual(['f'])
    expect(await tree.lstat('/a/b')).toMatchObject({ kind: 'folder', mode: 0o755, uid: 0 })
    expect(await tree.lstat('/a/b/c')).toBeUndefined()
    expect(await tree.lstat('/a/b/e')).toBeUndefined()
    expect((await tree.read('/a/b/f', 10)).toString()).toBe('f')
  })

  test('takes edits far below with it', async () => {
    const { tree } = await edited({ '/a': link('x') }, write('/b/c/d/e', 'e'), remove('/b'), write('/b/c/f', ''))
    expect(await tree.list('/b/c', 10)).toEqual(['f'])
    expect(await tree.lstat('/b/c/d')).toBeUndefined()
  })

  test('is removed once', async () => {
    const { changes } = await edited(
      { '/a/b': 'x' },
      remove('/a/b'),
      remove('/a/b'),
      remove('/a'),
      remove('/a/b'),
      write('/a/b', ''),
      remove('/a/b'),
    )
    expect(changes).toEqual([true, false, true, false, true, true])
  })
})

test('lists are those of the guest, with what was made and without what was removed', async () => {
  const { tree } = await edited({ '/a/1': '', '/a/2': '', '/a/3/x': '' }, remove('/a/1'), write('/a/4', ''), {
    action: 'link',
    path: '/a/5/6',
    target: '/x',
  })
  expect((await tree.list('/a', 10))?.sort()).toEqual(['2', '3', '4', '5'])
  expect(await tree.list('/a/5', 10)).toEqual(['6'])
  expect(await tree.list('/a/4', 10)).toBeUndefined()
  expect(await tree.list('/new', 10)).toBeUndefined()
})

test('a limit cuts no name off because of names that were removed', async () => {
  const entries = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`/a/${at}`, '']))
  const { tree } = await edited(entries, ...Array.from({ length: 5 }, (_, at) => remove(`/a/${at}`)))
  expect(await tree.list('/a', 10)).toHaveLength(10)
  expect(await tree.list('/a', 100)).toHaveLength(15)
})

test('a written file keeps mode and owner, and a new one has those of root', async () => {
  const { tree } = await edited(
    { '/a': { text: 'abc', mode: 0o640 }, '/l': link('a') },
    write('/a', '\xff\0'),
    write('/b/c', 'x'),
    write('/s', '#!', 0o755),
    write('/l', 'y'),
  )
  expect(await tree.lstat('/a')).toMatchObject({ kind: 'file', mode: 0o640, size: 2 })
  expect(await tree.read('/a', 10)).toEqual(Buffer.from([0xff, 0]))
  expect(await tree.read('/a', 1)).toEqual(Buffer.from([0xff]))
  expect(await tree.lstat('/b/c')).toMatchObject({ kind: 'file', mode: 0o644, uid: 0, gid: 0 })
  expect(await tree.lstat('/s')).toMatchObject({ mode: 0o755 })
  expect(await tree.lstat('/l')).toMatchObject({ kind: 'file', mode: 0o644 })
})

test('a link takes the place of a file or link', async () => {
  const { tree } = await edited(
    { '/a': 'x', '/b': link('/elsewhere') },
    { action: 'link', path: '/a', target: '/dev/null' },
    { action: 'link', path: '/b', target: '\xe9' },
  )
  expect(await tree.lstat('/a')).toMatchObject({ kind: 'link', size: 9 })
  expect([await tree.readlink('/a'), await tree.readlink('/b')]).toEqual(['/dev/null', '\xe9'])
})

test('nothing is made in what is no folder, or in place of one', async () => {
  const { tree } = await edited({ '/a': 'x', '/b/c': '', '/l': link('b') })
  await expect(tree.apply(write('/a/x', ''))).rejects.toThrow('/a is a file, not a folder')
  await expect(tree.apply(write('/l/x/y', ''))).rejects.toThrow('/l is a link, not a folder')
  await expect(tree.apply(write('/b', ''))).rejects.toThrow('/b is a folder, not a file')
  expect(await tree.list('/', 10)).toEqual(expect.arrayContaining(['a', 'b', 'l']))
})

test('very many edits take little time', async () => {
  await inTime(5000, '20,000 edits', async () => {
    const { tree } = await edited({ '/a': 'x' })
    for (let at = 0; at < 20_000; at++) await tree.apply(at % 2 ? remove(`/d/${at - 1}`) : write(`/d/${at}`, ''))
    expect(await tree.list('/d', 100)).toEqual([])
  })
})
