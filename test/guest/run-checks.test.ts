import { describe, expect, test } from 'vitest'
import { VdcError } from '../../src/core/errors.ts'
import type { Finding, GuestCheck } from '../../src/guest/checks/check.ts'
import { CHECKS } from '../../src/guest/checks/index.ts'
import { type CheckReport, runChecks } from '../../src/guest/run-checks.ts'
import { FolderTree } from '../../src/guest/tree/folder-tree.ts'
import { Undecided, Unreadable } from '../../src/guest/tree/undecided.ts'
import { type Entries, newGuest, SYSTEMD } from '../support/guests/guests.ts'

const PLAIN = { requirement: 'It is so.', looksAt: 'x', remedy: 'Change it.' }

/** A check that yields findings, and then throws. */
function checkOf(findings: readonly Finding[], error?: Error, more: Partial<GuestCheck> = {}): GuestCheck {
  return {
    ...PLAIN,
    id: 'test.check',
    severity: 'error',
    async *run() {
      yield* findings
      if (error !== undefined) throw error
    },
    ...more,
  }
}

/** Runs checks on a guest. */
async function run(checks: readonly GuestCheck[], entries: Entries = SYSTEMD, disk?: object): Promise<CheckReport[]> {
  const guest = newGuest(entries)
  const tree = await FolderTree.open(guest.path)
  const reports: CheckReport[] = []
  try {
    await runChecks({ tree, disk: disk as never }, checks, { throwIfRequested() {} }, async (report) =>
      reports.push(report),
    )
  } finally {
    await tree.close()
    guest.remove()
  }
  return reports
}

describe('a report', () => {
  test('has the worst result, its evidence first, and its remedy', async () => {
    const findings: Finding[] = [
      { result: 'note', message: 'a note' },
      { result: 'warning', message: 'a warning', path: '/b', line: 2, value: 'x'.repeat(200) },
      { message: 'an error', path: '/a', remedy: 'Do this.' },
      { message: 'an error', path: '/c' },
    ]
    const [report] = await run([checkOf(findings)])
    expect(report).toMatchObject({
      check: 'test.check',
      result: 'error',
      message: 'an error',
      more: 0,
      remedy: 'Do this.',
      isBlocked: false,
    })
    expect(report?.evidence.map(({ result }) => result)).toEqual(['error', 'error', 'warning', 'note'])
    expect(report?.evidence[2]).toEqual({
      result: 'warning',
      message: 'a warning',
      path: '/b',
      line: 2,
      value: `${'x'.repeat(99)}…`,
    })
    expect(report?.evidence[0]).toEqual({ result: 'error', message: 'an error', path: '/a', line: null, value: null })
  })

  test('is ok with what is required, and unknown with the reason', async () => {
    expect(await run([checkOf([])])).toMatchObject([{ result: 'ok', message: 'It is so', remedy: null, evidence: [] }])
    const [unknown] = await run([checkOf([], new Undecided('who knows'))])
    expect(unknown).toMatchObject({ result: 'unknown', message: 'who knows', remedy: null, isBlocked: false })
  })

  test('keeps what was found before the rest became unknown', async () => {
    const [report] = await run([checkOf([{ message: 'wrong' }], new Unreadable('damaged'))])
    expect(report).toMatchObject({ result: 'error', message: 'wrong', remedy: 'Change it.', isBlocked: true })
    expect(report?.evidence.map(({ message }) => message)).toEqual(['wrong', 'damaged'])
    // Only checks for errors keep a guest from being ready.
    expect(await run([checkOf([], new Unreadable('damaged'), { severity: 'note' })])).toMatchObject([
      { isBlocked: false },
    ])
  })

  test('shows some of very many findings', async () => {
    const many = Array.from({ length: 5000 }, (_, at) => ({ message: 'wrong', line: at + 1 }))
    const [report] = await run([checkOf(many)])
    expect(report?.evidence).toHaveLength(20)
    expect(report?.more).toBe(980)
  })

  test('decodes names, and shows bytes that are not UTF-8', async () => {
    const [report] = await run([checkOf([{ message: 'x', path: '/\xc3\xa4', value: '\xff' }])])
    expect(report?.evidence[0]).toMatchObject({ path: '/ä', value: '\\xff' })
  })
})

describe('a check', () => {
  test('that fails is unknown, and the others run', async () => {
    const reports = await run([checkOf([], new TypeError('a bug')), checkOf([])])
    expect(reports).toMatchObject([
      { result: 'unknown', message: 'the check failed: a bug', isBlocked: true },
      { result: 'ok' },
    ])
  })

  test('that is interrupted ends all', async () => {
    await expect(run([checkOf([], new VdcError('INTERRUPTED', 'Interrupted'))])).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
  })

  test('that does not apply says why', async () => {
    const never = checkOf([{ message: 'x' }], undefined, { notApplicable: async () => 'there is none' })
    expect(await run([never])).toMatchObject([
      { result: 'not_applicable', message: 'there is none', evidence: [], remedy: null },
    ])
  })
})

test.each([
  ['Windows', { '/Windows/System32/x': '' }, undefined, 'not_applicable', 'the guest is Windows'],
  ['nothing', { '/x': '' }, undefined, 'not_applicable', 'there is no operating system'],
  [
    'several systems',
    { '/a/etc/os-release': '', '/b/etc/os-release': '' },
    undefined,
    'not_applicable',
    'there are several operating systems',
  ],
  ['an encrypted disk', { '/x': '' }, { encrypted: ['/dev/sda2'] }, 'unknown', 'the disk is encrypted'],
  ['what cannot be read', { '/etc': { link: '/etc' } }, undefined, 'unknown', '/etc leads through a loop of links'],
] as const)('of %s, nothing is guessed', async (_, entries, disk, result, message) => {
  const reports = await run(CHECKS.slice(1), entries as Entries, disk && { hasBootCode: true, ...disk })
  for (const report of reports.filter(({ check }) => check !== 'boot.loader'))
    expect([report.check, report.result, report.message]).toEqual([report.check, result, message])
})
