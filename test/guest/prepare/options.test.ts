import { describe, expect, test } from 'vitest'
import type { GuestCheck } from '../../../src/guest/checks/check.ts'
import { planEdits } from '../../../src/guest/prepare/plan-edits.ts'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import { Undecided } from '../../../src/guest/tree/undecided.ts'
import { type Entries, folder, link, newGuest, SYSTEMD, SYSVINIT } from '../../support/guests/guests.ts'
import { NOTHING_ASKED, prepare } from '../../support/guests/prepare.ts'

const ZONES: Entries = {
  '/usr/share/zoneinfo/Europe/Berlin': 'TZif2',
  '/usr/share/zoneinfo/Etc/UTC': 'TZif2',
  '/usr/share/zoneinfo/UTC': link('Etc/UTC'),
  '/usr/share/zoneinfo/leapseconds': '# text\n',
}
const SELINUX: Entries = { '/etc/selinux/config': '# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n' }

describe('a time zone', () => {
  test.each<[string, Entries, string, Record<string, string | undefined>]>([
    ['systemd', {}, 'Europe/Berlin', { '/etc/localtime': undefined }],
    [
      'Debian',
      { '/etc/timezone': 'Etc/UTC\n', '/etc/localtime': link('/usr/share/zoneinfo/Etc/UTC') },
      'Europe/Berlin',
      { '/etc/localtime': undefined, '/etc/timezone': 'Europe/Berlin\n' },
    ],
    [
      'CentOS 5',
      { ...SYSVINIT, '/etc/localtime': 'TZif', '/etc/sysconfig/clock': '# "\r\nZONE=x\r\nUTC=true\r\n' },
      'Europe/Berlin',
      { '/etc/localtime': undefined, '/etc/sysconfig/clock': '# "\r\nZONE="Europe/Berlin"\r\nUTC=true\r\n' },
    ],
    [
      'a clock without a zone',
      { '/etc/sysconfig/clock': 'UTC=true' },
      'UTC',
      { '/etc/localtime': undefined, '/etc/sysconfig/clock': 'UTC=true\nZONE="UTC"\n' },
    ],
    ['a link that cannot be followed', { '/etc/localtime': link('localtime') }, 'UTC', { '/etc/localtime': undefined }],
    ['one that is set', { '/etc/localtime': link('../usr/share/zoneinfo/Etc/UTC') }, 'UTC', {}],
  ])('is set: %s', async (_, entries, timezone, expected) => {
    const { edits, again, texts } = await prepare({ ...ZONES, ...entries }, { timezone, only: [] })
    expect(again).toEqual([])
    expect(Object.fromEntries(edits.map(({ path }) => [path, texts[path]]))).toEqual(expected)
    for (const edit of edits) expect(edit).toMatchObject({ check: 'timezone', what: `time zone ${timezone}` })
    const [local] = edits
    if (local?.action === 'link') expect(local.target).toBe(`/usr/share/zoneinfo/${timezone}`)
  })

  test.each(['Europe/Nowhere', 'leapseconds', 'Europe', '../zoneinfo/UTC', '/UTC', 'Europe//Berlin', 'UTC\n', ''])(
    'that the guest does not know is refused: %j',
    async (timezone) => {
      await expect(prepare(ZONES, { timezone, only: [] })).rejects.toMatchObject({
        code: 'VALUE_REFUSED',
        message: `The guest has no time zone ${timezone}`,
        hint: expect.stringContaining('/usr/share/zoneinfo'),
      })
    },
  )

  test('that cannot be set is refused, with the reason', async () => {
    const refused = (reason: string) => ({ code: 'VALUE_REFUSED', message: `The time zone cannot be set: ${reason}` })
    const set = (entries: Entries) => prepare({ ...ZONES, ...entries }, { timezone: 'UTC', only: [] })
    await expect(set({ '/etc/localtime/x': '' })).rejects.toMatchObject(
      refused('/etc/localtime is a folder, not a file'),
    )
    await expect(set({ '/etc/timezone': link('/dev/null') })).rejects.toMatchObject(
      refused('/etc/timezone is a device, not a file'),
    )
    await expect(set({ '/etc/sysconfig/clock': { fifo: true } })).rejects.toMatchObject(
      refused('/etc/sysconfig/clock is a FIFO, not a file'),
    )
  })
})

describe('SELinux', () => {
  const FILE: Entries = { '/etc/machine-id': 'x\n' }

  test.each<[string, Entries, string[]]>([
    ['enforcing', { ...SELINUX, ...FILE }, ['empty /etc/machine-id', 'empty /.autorelabel']],
    [
      'permissive',
      { ...FILE, '/etc/selinux/config': 'SELINUX="permissive"' },
      ['empty /etc/machine-id', 'empty /.autorelabel'],
    ],
    ['disabled', { ...FILE, '/etc/selinux/config': 'SELINUX=disabled\n' }, ['empty /etc/machine-id']],
    ['a comment', { ...FILE, '/etc/selinux/config': '#SELINUX=enforcing\n' }, ['empty /etc/machine-id']],
    ['none', FILE, ['empty /etc/machine-id']],
    ['what cannot be read', { ...FILE, '/etc/selinux/config': folder }, ['empty /etc/machine-id']],
    [
      'removals alone',
      { ...SELINUX, '/etc/machine-id': '', '/root/.bash_history': 'x' },
      ['remove /root/.bash_history'],
    ],
    ['labels that are made anyway', { ...SELINUX, ...FILE, '/.autorelabel': '' }, ['empty /etc/machine-id']],
    ['nothing to do', { ...SELINUX, '/etc/machine-id': '' }, []],
  ])('labels files at the first boot: %s', async (_, entries, lines) => {
    const planned = await prepare(entries, { only: ['id.machine-id', 'secret.history'] })
    expect(planned.lines).toEqual(lines)
    expect(planned.again).toEqual([])
    expect(planned.edits.filter(({ path }) => path === '/.autorelabel')).toMatchObject(
      lines.includes('empty /.autorelabel') ? [{ check: 'selinux' }] : [],
    )
  })

  test('labels the link of a time zone', async () => {
    const { lines } = await prepare({ ...SELINUX, ...ZONES }, { timezone: 'UTC', only: [] })
    expect(lines).toEqual(['link /etc/localtime /usr/share/zoneinfo/UTC', 'empty /.autorelabel'])
  })
})

test.each<[string, Entries, string]>([
  ['of links', { '/etc': link('/etc') }, 'The guest cannot be read: /etc leads through a loop of links'],
  ['of two systems', { ...SYSVINIT, '/Windows/System32/x': '' }, 'The guest has several operating systems'],
])('a guest %s is not prepared', async (_, entries, message) => {
  await expect(prepare(entries, { base: {} })).rejects.toMatchObject({ code: 'GUEST_NOT_READY', message })
})

describe('checks', () => {
  const checkOf = (id: string, prepare: NonNullable<GuestCheck['prepare']>): GuestCheck => ({
    id,
    severity: 'note',
    requirement: 'x',
    looksAt: 'x',
    remedy: 'x',
    async *run() {},
    prepare,
  })
  const plan = async (...checks: GuestCheck[]) => {
    const guest = newGuest(SYSTEMD)
    const tree = await FolderTree.open(guest.path)
    try {
      const { edits } = await planEdits({ tree, disk: undefined }, checks, NOTHING_ASKED, { throwIfRequested() {} })
      return edits
    } finally {
      await tree.close()
      guest.remove()
    }
  }
  const first = checkOf('a.a', async function* ({ files }) {
    yield { action: 'write', path: '/a', text: (await files.text('/a')) ?? 'a' }
    throw new Undecided('no more')
  })

  test('see what the remedies of others make, and go on where others cannot tell', async () => {
    const second = checkOf('b.b', async function* ({ files }) {
      yield { action: 'write', path: '/b', text: `${await files.text('/a')}b` }
    })
    expect(await plan(first, second)).toEqual([
      { check: 'a.a', action: 'write', path: '/a', text: 'a' },
      { check: 'b.b', action: 'write', path: '/b', text: 'ab' },
    ])
  })

  test('that fail end all, and those that would edit in no folder end alone', async () => {
    const failing = checkOf('b.b', async function* () {
      yield { action: 'remove', path: '/b' }
      throw new TypeError('a bug')
    })
    await expect(plan(first, failing)).rejects.toThrow('a bug')
    const inFile = checkOf('c.c', async function* () {
      yield { action: 'write', path: '/etc/passwd/x', text: '' }
    })
    expect((await plan(inFile, first)).map(({ check }) => check)).toEqual(['a.a'])
  })
})
