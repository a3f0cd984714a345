import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { CHECKS } from '../../../src/guest/checks/index.ts'
import type { GuestDisk } from '../../../src/guest/guest.ts'
import { type CheckReport, runChecks } from '../../../src/guest/run-checks.ts'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import type { GuestLimits } from '../../../src/guest/tree/guest-files.ts'

/** What a guest has at a path: the text of a file, or something else. */
export type Entry =
  | string
  | { text: string; mode?: number }
  | { bytes: Buffer }
  | { link: string }
  | { size: number }
  | { folder: true }
  | { fifo: true }

/** A guest by its paths, which start with `/`. */
export type Entries = Readonly<Record<string, Entry>>

export const link = (target: string): Entry => ({ link: target })
export const script = (text: string): Entry => ({ text: `#!/bin/sh\n${text}\n`, mode: 0o755 })
export const program = script('exit 0')
export const folder: Entry = { folder: true }

/** A guest with systemd, as small as a check takes it for one. */
export const SYSTEMD: Entries = {
  '/etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  '/bin/bash': program,
  '/usr/lib/systemd/systemd': program,
  '/lib': link('usr/lib'),
  '/sbin/init': link('/lib/systemd/systemd'),
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n',
}
/** A guest of the time of the guide, with sysvinit and ifcfg files. */
export const SYSVINIT: Entries = {
  '/etc/redhat-release': 'CentOS release 5.5 (Final)\n',
  '/bin/bash': program,
  '/etc/inittab': 'id:3:initdefault:\n',
  '/sbin/init': program,
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
}

/** Makes a guest in a folder of its own. */
export function newGuest(entries: Entries): { path: string; remove(): void } {
  const path = mkdtempSync(join(inject('folder'), 'guest-'))
  fill(path, entries)
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Adds files to a folder that holds a guest, and replaces those that are there. */
export function fill(folder: string, entries: Entries): void {
  for (const [name, entry] of Object.entries(entries)) makeEntry(join(folder, name), entry)
}

/** Makes an entry of a guest at a path of this host. */
export function makeEntry(path: string, entry: Entry): void {
  mkdirSync(dirname(path), { recursive: true })
  if (typeof entry === 'string') writeFileSync(path, entry)
  else if ('bytes' in entry) writeFileSync(path, entry.bytes)
  else if ('text' in entry) {
    writeFileSync(path, entry.text)
    chmodSync(path, entry.mode ?? 0o644)
  } else if ('link' in entry) symlinkSync(entry.link, path)
  else if ('size' in entry) {
    writeFileSync(path, '')
    truncateSync(path, entry.size)
  } else if ('fifo' in entry) execFileSync('mkfifo', [path])
  else mkdirSync(path, { recursive: true })
}

interface Options {
  disk?: GuestDisk
  limits?: Partial<GuestLimits>
  /** IDs of the checks to run. Default: all. */
  only?: readonly string[]
}

/** Runs checks on a folder. */
async function checkFolder(path: string, { disk, limits, only }: Options = {}): Promise<CheckReport[]> {
  const reports: CheckReport[] = []
  const tree = await FolderTree.open(path)
  const checks = CHECKS.filter(({ id }) => only === undefined || only.includes(id))
  const tell = async (report: CheckReport) => void reports.push(report)
  try {
    await runChecks({ tree, disk }, checks, { throwIfRequested() {} }, tell, limits)
  } finally {
    await tree.close()
  }
  return reports
}

/** Makes a guest, and runs one check on it. */
export async function check(id: string, entries: Entries, options: Options = {}): Promise<CheckReport> {
  const guest = newGuest(entries)
  try {
    const [report] = await checkFolder(guest.path, { ...options, only: [id] })
    return report as CheckReport
  } finally {
    guest.remove()
  }
}

/** Formats evidence on one line, as short as a test can read it. */
function evidenceOf({ evidence }: CheckReport): string[] {
  return evidence.map(({ result, path, line, value, message }) =>
    [result, [path, line].filter((part) => part !== null).join(':') || message, value]
      .filter((part) => part !== null)
      .join(' '),
  )
}

/** A guest, beside SYSTEMD or another base, and what a check must say of it. */
interface Case {
  title: string
  /** Default: SYSTEMD. */
  base?: Entries
  guest: Entries
  disk?: GuestDisk
}
interface BadCase extends Case {
  /** The evidence, as `evidenceOf` formats it. */
  evidence: string[]
}
interface UnknownCase extends Case {
  message: RegExp
}

/** The cases of a check: at least one in which it is ok, one in which it is not, and one in which it cannot tell. */
interface Cases {
  ok: [Case, ...Case[]]
  bad: [BadCase, ...BadCase[]]
  unknown: [UnknownCase, ...UnknownCase[]]
  notApplicable?: UnknownCase[]
}

/** Tests a check with its cases. */
export function describeCheck(id: string, { ok, bad, unknown, notApplicable = [] }: Cases): void {
  const run = ({ base = SYSTEMD, guest, disk }: Case) =>
    check(id, { ...base, ...guest }, disk === undefined ? {} : { disk })
  describe(id, () => {
    test.each(ok)('ok: $title', async (each) => {
      const report = await run(each)
      expect({ result: report.result, evidence: evidenceOf(report), remedy: report.remedy }).toEqual({
        result: 'ok',
        evidence: [],
        remedy: null,
      })
    })
    test.each(bad)('not ok: $title', async (each) => {
      const report = await run(each)
      expect(evidenceOf(report)).toEqual(each.evidence)
      expect(report.result).toBe(each.evidence[0]?.split(' ')[0])
      expect(report.remedy).toMatch(/^[A-Z].*\.$/)
      expect(report.message).not.toBe('')
    })
    test.each(unknown)('unknown: $title', async (each) => {
      const report = await run(each)
      expect(report).toMatchObject({ result: 'unknown', message: expect.stringMatching(each.message), remedy: null })
    })
    if (notApplicable.length > 0)
      test.each(notApplicable)('not applicable: $title', async (each) => {
        const expected = {
          result: 'not_applicable',
          message: expect.stringMatching(each.message),
          evidence: [],
          remedy: null,
        }
        expect(await run(each)).toMatchObject(expected)
      })
  })
}
