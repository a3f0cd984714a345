import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, linkSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ImageFolders } from '../../src/disk/folder/image-folders.ts'
import { type DoomedFile, measureFileIn, stateOf } from '../../src/disk/remove/doomed-file.ts'
import { asidesIn, setFileAside, settleAside } from '../../src/disk/remove/set-aside.ts'
import { hashOf, newFolder } from '../support/files/images.ts'
import { newWatcher } from '../support/process/watcher.ts'
import { some } from '../support/thorough.ts'

const folder = newFolder()
afterAll(() => folder.remove())
const at = (...names: string[]) => join(folder.path, ...names)
const folders = new ImageFolders(new Map([[at('srv'), { path: at('srv'), below: true, addedAt: '' }]]))
const watcher = newWatcher()
mkdirSync(at('srv'))

/** Seconds for which the attacker runs. */
const SECONDS = some(2, 2)
/** Tries that a race must have. */
const FEWEST = 10

function doomed(name: string, bytes = 'doomed'): DoomedFile {
  writeFileSync(at('srv', name), bytes)
  const path = at('srv', name)
  return { base: at('srv'), path, size: BigInt(bytes.length), md5: hashOf(path, 'md5') }
}
const stateNow = async ({ path }: DoomedFile) => stateOf(await lstat(path, { bigint: true }))
async function remove(file: DoomedFile, measured: Awaited<ReturnType<typeof measureFileIn>>) {
  const removal = await setFileAside(file, folders, measured, { uuid: 'gone', isTrial: false, filled: new Set() })
  if (!('aside' in removal)) return removal
  const { aside, ...found } = removal
  expect(await aside?.remove()).toBe(true)
  return found
}

describe('setting files aside', () => {
  test('removes a file that is unchanged since it was hashed', async () => {
    const file = doomed('same.raw')
    expect(await remove(file, await measureFileIn(file, folders, watcher))).toEqual({ real: file.path, bytes: 6 })
    expect(existsSync(file.path)).toBe(false)
  })

  test('removes an empty file if its row has size 0', async () => {
    const file = doomed('empty.raw', '')
    expect(await remove(file, await measureFileIn(file, folders, watcher))).toEqual({ real: file.path, bytes: 0 })
  })

  test('moves a file to the folder of its storage until the purge is settled', async () => {
    mkdirSync(at('srv', 'deep'))
    const file = doomed('deep/aside.raw')
    const options = { isTrial: false, filled: new Set<string>() }
    for (const uuid of ['back', 'left', 'purged']) {
      const measured = await measureFileIn(file, folders, watcher)
      const removal = await setFileAside(file, folders, measured, { ...options, uuid })
      if (!('aside' in removal)) throw new Error('The file was not set aside')
      expect(existsSync(file.path)).toBe(false)
      const [left, ...others] = await asidesIn(file.base)
      expect({ left, others }).toMatchObject({ left: { name: `.vdc-manage-purge-${uuid}` }, others: [] })
      const state = left?.state as string
      if (uuid === 'back') expect(await removal.aside?.putBack()).toEqual({ state: await stateNow(file) })
      else {
        expect(await settleAside(file, folders, { uuid, state }, uuid === 'purged')).toBeUndefined()
        expect(await removal.aside?.remove()).toBe(uuid === 'purged')
      }
      expect(await asidesIn(file.base)).toEqual([])
      expect(existsSync(file.path)).toBe(uuid !== 'purged')
    }
  })

  test('sets aside and settles a file whose UUID is too long for a file name', async () => {
    const uuid = 'u'.repeat(252)
    const file = doomed('long.raw')
    const measured = await measureFileIn(file, folders, watcher)
    const removal = await setFileAside(file, folders, measured, { uuid, isTrial: false, filled: new Set() })
    if (!('aside' in removal)) throw new Error('The file was not set aside')
    await removal.aside?.leave()
    const [left] = await asidesIn(file.base)
    expect(await settleAside(file, folders, { uuid, state: left?.state as string }, true)).toBeUndefined()
    expect(await asidesIn(file.base)).toEqual([])
  })

  test('removes the second name of a file after a purge was killed while putting it back', async () => {
    const file = doomed('linked.raw')
    linkSync(file.path, at('srv', '.vdc-manage-purge-linked'))
    const [left] = await asidesIn(file.base)
    expect(await settleAside(file, folders, { uuid: 'linked', state: left?.state as string }, false)).toBeUndefined()
    expect(await asidesIn(file.base)).toEqual([])
    expect(readFileSync(file.path, 'utf8')).toBe('doomed')
  })

  test('leaves a file alone that another purge has set aside', async () => {
    const file = doomed('other.raw')
    const options = { uuid: 'other', isTrial: false, filled: new Set<string>() }
    const removal = await setFileAside(file, folders, await measureFileIn(file, folders, watcher), options)
    if (!('aside' in removal)) throw new Error('The file was not set aside')
    expect(await setFileAside(file, folders, undefined, options)).toEqual({ why: 'another purge has set it aside' })
    expect(await settleAside(file, folders, { uuid: 'other', state: 'before' }, false)).toBeUndefined()
    expect(existsSync(file.path)).toBe(false)
    expect(await removal.aside?.remove()).toBe(true)
  })

  test('does not report a file as gone if another purge puts it back between two checks', async () => {
    const file = doomed('back.raw')
    const aside = at('srv', '.vdc-manage-purge-back')
    renameSync(file.path, aside)
    let looks = 0
    class PutBackAtSecondLook extends ImageFolders {
      override whyNot(real: string) {
        if (++looks === 2) renameSync(aside, file.path)
        return super.whyNot(real)
      }
    }
    const slow = new PutBackAtSecondLook(new Map([[at('srv'), { path: at('srv'), below: true, addedAt: '' }]]))
    const options = { uuid: 'back', isTrial: false, filled: new Set<string>() }
    expect(await setFileAside(file, slow, undefined, options)).toEqual({ why: 'another purge has set it aside' })
    expect(looks).toBe(3)
    expect(existsSync(file.path)).toBe(true)
  })

  test('keeps a file aside if another file has taken its name', async () => {
    const file = doomed('taken.raw')
    const measured = await measureFileIn(file, folders, watcher)
    const removal = await setFileAside(file, folders, measured, { uuid: 'taken', isTrial: false, filled: new Set() })
    if (!('aside' in removal)) throw new Error('The file was not set aside')
    writeFileSync(file.path, 'another')
    expect(await removal.aside?.putBack()).toBe(false)
    const [left] = await asidesIn(file.base)
    expect(await settleAside(file, folders, { uuid: 'taken', state: left?.state as string }, false)).toBe(
      `another file is at ${file.path}`,
    )
    expect(readFileSync(file.path, 'utf8')).toBe('another')
    expect(readFileSync(at('srv', '.vdc-manage-purge-taken'), 'utf8')).toBe('doomed')
  })

  test.each<[string, (path: string) => void]>([
    [
      'is replaced by another one with the same bytes',
      (path) => {
        writeFileSync(`${path}.new`, readFileSync(path))
        renameSync(`${path}.new`, path)
      },
    ],
    ['gets other bytes of the same length', (path) => writeFileSync(path, 'DOOMED')],
    ['is rewritten with the same bytes', (path) => writeFileSync(path, readFileSync(path))],
    ['gets a second name', (path) => linkSync(path, `${path}.other`)],
  ])('keeps a file that %s after it was hashed', async (_, change) => {
    const file = doomed(`changed${Math.random()}.raw`)
    const measured = await measureFileIn(file, folders, watcher)
    change(file.path)
    expect(await remove(file, measured)).toEqual({ why: 'it changed while it was being checked' })
    expect(existsSync(file.path)).toBe(true)
  })

  test('keeps a file that was not hashed', async () => {
    const file = doomed('unhashed.raw')
    expect(await remove(file, undefined)).toEqual({
      why: 'another object shared it while files were being compared; run the purge again',
    })
    expect(existsSync(file.path)).toBe(true)
  })

  test.runIf(process.getuid?.() === 0)(
    'removes no other file while another user swaps its folder and its name',
    async () => {
      // Another user owns the folder, and keeps replacing it and its file with other files and links to files of root.
      chmodSync(folder.path, 0o755)
      const own = at('srv', 'own')
      mkdirSync(join(own, 'd'), { recursive: true })
      mkdirSync(at('precious'))
      for (const name of ['a.raw', 'b.raw']) writeFileSync(at('precious', name), 'doomed')
      for (const path of [own, join(own, 'd')]) chownSync(path, 65534, 65534)
      const script = `cd ${own}; ln -s ${at('precious')} link; echo ready
        while :; do
          printf doomed > d/n.raw; mv -f d/n.raw d/a.raw; ln -sf ${at('precious')}/b.raw d/l; mv -f d/l d/a.raw
          printf other! > d/n.raw; mv -f d/n.raw d/a.raw
          mv -T d away && mv -T link d; mv -T d link && mv -T away d
        done 2>/dev/null`
      const swapper: ChildProcess = spawn(
        'setpriv',
        ['--reuid=65534', '--regid=65534', '--clear-groups', 'bash', '-c', script],
        { stdio: ['ignore', 'pipe', 'ignore'], detached: true },
      )
      await new Promise((resolve) => swapper.stdout?.once('data', resolve))
      const file: DoomedFile = {
        base: at('srv'),
        path: join(own, 'd/a.raw'),
        size: 6n,
        md5: hashOf(at('precious/a.raw'), 'md5'),
      }
      const end = Date.now() + SECONDS * 1000
      let [tries, removed] = [0, 0]
      try {
        // On a busy machine, few tries fit into the time.
        while (Date.now() < end || tries <= FEWEST) {
          const removal = await remove(file, await measureFileIn(file, folders, watcher))
          tries++
          if ('bytes' in removal && removal.bytes !== null) removed++
        }
      } finally {
        process.kill(-(swapper.pid as number), 'SIGKILL')
      }
      expect(removed).toBeLessThan(tries)
      for (const name of ['a.raw', 'b.raw']) expect(readFileSync(at('precious', name), 'utf8')).toBe('doomed')
    },
  )
})
