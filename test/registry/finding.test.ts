import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allOf } from '../../src/cli/session/stdin-ids.ts'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { showAccount } from '../../src/registry/account/details.ts'
import { countAccounts, listAccounts } from '../../src/registry/account/list.ts'
import { countObjects, listObjects } from '../../src/registry/backup-object/list.ts'
import { countStorages, listStorages } from '../../src/registry/backup-storage/list.ts'
import { countImages, listImages } from '../../src/registry/image/list.ts'
import type { ImageListRequest } from '../../src/registry/image/list-request.ts'
import { openRegistry } from '../../src/registry/open.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { newWakame } from '../support/databases/wakame.ts'
import { type Findable, insertRows, makeRows, type Random, randomFrom } from '../support/finding/finding.ts'
import { expectedIds, type Lists, listsOf, type Shown } from '../support/finding/finding-reference.ts'
import { type Asked, askFor, type List } from '../support/finding/finding-requests.ts'
import { some } from '../support/thorough.ts'

const MANY = { accounts: 600, images: some(10_000, 6), backup_objects: some(10_000, 6), backup_storages: 1000 }
const FEW = { accounts: 200, images: 1500, backup_objects: 1500, backup_storages: 200 }
/** Databases with our own migrations, and one as Wakame-vdc creates it, with utf8 of three bytes. */
const KINDS = [...ENGINES, 'wakame'] as const
/** Differs on every run. To repeat a failure, set FINDING_SEED to the seed in its message. */
const SEED = Number(process.env.FINDING_SEED ?? Math.floor(Math.random() * 2 ** 32))
const ROUNDS = {
  images: some(120, 6),
  backup_objects: some(50, 6),
  backup_storages: some(30, 6),
  accounts: some(30, 6),
}

// biome-ignore lint/suspicious/noExplicitAny: each generated request fits its list
type AnyRequest = any

const LIST: Record<List, (registry: Registry, request: AnyRequest) => AsyncIterable<{ id: string }[]>> = {
  images: listImages,
  backup_objects: listObjects,
  backup_storages: listStorages,
  accounts: listAccounts,
}
const COUNT: Record<List, (registry: Registry, request: AnyRequest) => Promise<number>> = {
  images: countImages,
  backup_objects: countObjects,
  backup_storages: countStorages,
  accounts: countAccounts,
}

async function idsOf(batches: AsyncIterable<{ id: string }[]>): Promise<string[]> {
  return (await allOf(batches)).flat().map(({ id }) => id)
}

describe.each(KINDS)('lists on %s', (kind) => {
  const isWakame = kind === 'wakame'
  let database: TestDatabase
  let registry: Registry
  let rows: Findable
  let lists: Lists
  let random: Random

  beforeAll(async () => {
    random = randomFrom(SEED)
    database = await (isWakame ? newWakame(inject('mariadb').port) : newDatabase(kind))
    // The two system accounts are listed like the others.
    const system = await database.query('SELECT * FROM accounts ORDER BY id')
    rows = makeRows(random, isWakame ? FEW : MANY, !isWakame)
    await insertRows(database, rows)
    rows.accounts.unshift(...system)
    lists = listsOf(rows)
    registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
  })
  afterAll(async () => {
    await registry.close()
    await database.remove()
  })

  const found = (list: List, request: AnyRequest) => idsOf(LIST[list](registry, request))
  const expected = (list: List, { wanted, order }: Pick<Asked, 'wanted' | 'order'>) =>
    expectedIds(lists[list], wanted, order)
  /** Adds the seed and the request to a failure. */
  const explained = async (list: List, request: object, check: () => Promise<void>) => {
    try {
      await check()
    } catch (error) {
      throw new Error(`seed ${SEED}, ${list} ${JSON.stringify(request)}`, { cause: error })
    }
  }

  test.each(Object.keys(LIST) as List[])('%s: match the filters, in the requested order', async (list) => {
    let most = 0
    // Until there was a large answer too.
    for (let round = 0; round < ROUNDS[list] || (most <= 50 && round < 20 * ROUNDS[list]); round++) {
      const asked = askFor(random, list, lists)
      const ids = expected(list, asked)
      most = Math.max(most, ids.length)
      await explained(list, asked.request, async () => {
        expect(await found(list, { ...asked.request, sort: asked.sort })).toEqual(ids)
        expect(await COUNT[list](registry, asked.request)).toBe(ids.length)
      })
    }
    expect(most).toBeGreaterThan(50)
  })

  test.each(Object.keys(LIST) as List[])('%s: pages add up to the whole list', async (list) => {
    for (let round = 0; round < some(12, 4); round++) {
      const asked = askFor(random, list, lists)
      const ids = expected(list, asked)
      const limit = Math.max(1, Math.ceil(ids.length / (1 + Math.floor(random() * 6))) - 1)
      await explained(list, { ...asked, limit }, async () => {
        const pages: string[] = []
        for (let after: string | undefined; pages.length <= ids.length; after = pages.at(-1)) {
          const page = await found(list, { ...asked.request, sort: asked.sort, limit: String(limit), after })
          pages.push(...page)
          if (page.length < limit) break
        }
        expect(pages).toEqual(ids)
      })
    }
  })

  test.each(Object.keys(LIST) as List[])('%s: each filter and each sort key works alone', async (list) => {
    for (const asked of askFor.each(random, list, lists)) {
      const ids = expected(list, asked)
      await explained(list, { ...asked.request, sort: asked.sort }, async () => {
        const limit = asked.sort === undefined ? undefined : '200'
        expect(await found(list, { ...asked.request, sort: asked.sort, limit })).toEqual(
          limit === undefined ? ids : ids.slice(0, 200),
        )
      })
    }
  })

  test.each<[string, RegExp]>([
    ['*', /^.*$/su],
    ['ubuntu-10.04', /^ubuntu-10\.04$/su],
    ['ubuntu-10.04 ', /^ubuntu-10\.04 $/su],
    ['* ', /^.* $/su],
    ['[uU]buntu-??.??', /^[uU]buntu-..\...$/su],
    ['[!u]*', /^[^u].*$/su],
    ['100%', /^100%$/su],
    ['a_b', /^a_b$/su],
    ['a\\*b', /^a\*b$/su],
    ['a[*]b', /^a\*b$/su],
    ['a\\[b\\]c', /^a\[b\]c$/su],
    ['a\\\\b', /^a\\b$/su],
    ['a[\\\\|]b', /^a[\\|]b$/su],
    ['[]]', /^\]$/su],
    ['[]^-]', /^[\]^-]$/su],
    ['[-a]*', /^[-a].*$/su],
    ['a[a-zA-Z_]b', /^a[a-zA-Z_]b$/su],
    ['日本?', /^日本.$/su],
    ['??', /^..$/su],
    ['[ぁ-龠]*', /^[ぁ-龠].*$/su],
    ['😀', /^😀$/su],
    ['?😀*', /^.😀.*$/su],
    ['[😀-😂a]*', /^[😀-😂a].*$/su],
    ['[!😀]', /^[^😀]$/su],
    ['*[\u{1f000}-\u{1ffff}]*', /^.*[\u{1f000}-\u{1ffff}].*$/su],
    ["*'*", /^.*'.*$/su],
    ['*\n', /^.*\n$/su],
    ['', /^$/su],
  ])('image names match the pattern %j', async (name, regExp) => {
    const ids = expectedIds(lists.images, [(row) => regExp.test(String(row.display_name))], [])
    expect(await found('images', { name, all: true })).toEqual(ids)
    if (!isWakame && !['[-a]*', ''].includes(name)) expect(ids.length).toBeGreaterThan(0)
  })

  test('a page can start after an image that the list leaves out', async () => {
    const dead = lists.images.filter((image) => image.dead).map(({ id }) => String(id))
    const all = expectedIds(lists.images, [], [{ key: 'display_name', descending: true }])
    for (const after of [dead[0], dead.at(-1)] as string[]) {
      const behind = all.slice(all.indexOf(after) + 1).filter((id) => !dead.includes(id))
      expect(await found('images', { after, sort: 'name:desc' })).toEqual(behind)
    }
  })

  test('IDs are case-sensitive', async () => {
    const inOtherCase = (id: unknown) =>
      String(id)
        .replace(/[a-z](_.)$/i, (end) => end.toUpperCase())
        .replace(/x$/, 'X')
    const image = lists.images.find(({ id }) => inOtherCase(id) !== id)
    const after = inOtherCase(image?.id)
    await expect(found('images', { after })).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })

  test('listed images have exactly the stored values', async () => {
    const byId = new Map(lists.images.map((image) => [image.id, image]))
    let number = 0
    for (const image of (await allOf(listImages(registry, { all: true }))).flat()) {
      number++
      const shown = byId.get(image.id) as Shown
      const { visibility: _, ...own } = image
      for (const [key, value] of Object.entries(own)) {
        const wanted = shown[key]
        if ((typeof wanted === 'bigint' ? wanted : (wanted ?? null)) === value) continue
        expect({ id: image.id, [key]: typeof value === 'number' ? BigInt(value) : value }).toEqual({
          id: image.id,
          [key]: wanted,
        })
      }
    }
    expect(number).toBe(lists.images.length)
  })

  test('an account shows the number of its images and their bytes, counting each file once', async () => {
    const owners = [...new Set(lists.images.map((image) => String(image.account_id)))]
    const known = lists.accounts.map(({ id }) => String(id))
    for (const owner of [...owners.filter((id) => known.includes(id)), known.at(-1) as string]) {
      const own = lists.images.filter((image) => image.account_id === owner && !image.dead)
      const files = new Set(own.map((image) => image.backup_object_id))
      const bytes = lists.backup_objects
        .filter((object) => files.has(object.id ?? '') && !object.dead)
        .reduce((sum, object) => sum + (object.allocation_size as bigint), 0n)
      const account = await showAccount(registry, owner)
      expect({ id: owner, n: account.image_count, bytes: BigInt(account.image_bytes) }).toEqual({
        id: owner,
        n: own.length,
        bytes,
      })
    }
  })

  test.each<[string, ImageListRequest, string]>([
    ['an unclosed set', { name: 'a[b' }, 'VALUE_REFUSED'],
    ['an empty set', { name: '[!]' }, 'VALUE_REFUSED'],
    ['a trailing backslash', { name: 'a\\' }, 'VALUE_REFUSED'],
    ['a reversed range', { name: '[z-a]' }, 'VALUE_REFUSED'],
    ['a very long pattern', { name: 'x'.repeat(1001) }, 'VALUE_REFUSED'],
    ['an unknown state', { state: ['available', 'availible'] }, 'VALUE_REFUSED'],
    ['an unknown architecture', { arch: ['arm64'] }, 'VALUE_REFUSED'],
    ['a checksum of the wrong length', { checksum: ['abc'] }, 'VALUE_REFUSED'],
    ['a SHA-256 marked as MD5', { checksum: [`md5:${'a'.repeat(64)}`] }, 'VALUE_REFUSED'],
    ['an invalid time', { created_after: 'yesterday' }, 'VALUE_REFUSED'],
    ['a time out of range', { created_after: '999999999w' }, 'VALUE_REFUSED'],
    ['an unknown sort key', { sort: 'created,colour' }, 'VALUE_REFUSED'],
    ['an unknown sort direction', { sort: 'created:down' }, 'VALUE_REFUSED'],
    ['an empty sort key', { sort: '' }, 'VALUE_REFUSED'],
    ['a limit of 0', { limit: '0' }, 'VALUE_REFUSED'],
    ['a limit that is not a whole number', { limit: '1e3' }, 'VALUE_REFUSED'],
    ['an unknown account', { account_id: 'a-nobody' }, 'ACCOUNT_NOT_FOUND'],
    ['an unknown parent', { parent: ['wmi-nobody'] }, 'IMAGE_NOT_FOUND'],
    ['an unknown backup object', { backup_object_id: ['bo-nobody'] }, 'OBJECT_NOT_FOUND'],
    ['an unknown backup storage', { storage_id: ['bkst-nobody'] }, 'STORAGE_NOT_FOUND'],
    ['an unknown image to start after', { after: 'wmi-nobody' }, 'IMAGE_NOT_FOUND'],
  ])('refuses %s', async (_, request, code) => {
    await expect(found('images', request)).rejects.toMatchObject({ code })
  })
})
