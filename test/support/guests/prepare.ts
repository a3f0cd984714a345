import { chmodSync, lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { CHECKS } from '../../../src/guest/checks/index.ts'
import type { Edit, PrepareOptions } from '../../../src/guest/prepare/edit.ts'
import { type PlannedEdit, planEdits } from '../../../src/guest/prepare/plan-edits.ts'
import { type CheckReport, type GuestSource, runChecks } from '../../../src/guest/run-checks.ts'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import { bytesOf, folderOf } from '../../../src/guest/tree/guest-path.ts'
import { type Entries, newGuest, SYSTEMD } from './guests.ts'

const NEVER = { throwIfRequested() {} }
/** Options that ask for nothing. */
export const NOTHING_ASKED: PrepareOptions = { nameservers: [], init: 'none', keepKeys: false, timezone: undefined }

interface Options extends Partial<PrepareOptions> {
  /** IDs of the checks to prepare for. Default: all. */
  only?: readonly string[]
  /** What the guest has beside its entries. Default: SYSTEMD. */
  base?: Entries
  /** Called with the folder of the guest before anything is planned. */
  before?: (folder: string) => void
}

/** What was planned for a guest. */
interface Prepared {
  edits: PlannedEdit[]
  /** The edits, one line each. */
  lines: string[]
  /** Texts that are written, by path. */
  texts: Record<string, string>
  /** Edits that are planned for what the first ones make. */
  again: string[]
  /** Reports on the guest as the edits would make it. */
  reports: CheckReport[]
  /** Reports on the guest after the edits were made. */
  made: CheckReport[]
}

/** Plans the edits of a guest, makes them, and checks it as planned and as made. */
export async function prepare(
  entries: Entries,
  { only, base = SYSTEMD, before, ...chosen }: Options = {},
): Promise<Prepared> {
  const guest = newGuest({ ...base, ...entries })
  before?.(guest.path)
  const checks = CHECKS.filter(({ id }) => only?.includes(id) ?? true)
  const options = { ...NOTHING_ASKED, ...chosen }
  const tree = await FolderTree.open(guest.path)
  try {
    const { edits, edited } = await planEdits({ tree, disk: undefined }, checks, options, NEVER)
    const again = await planEdits(edited, checks, options, NEVER)
    const reports = await reportsOn(edited, checks)
    for (const edit of edits) makeEdit(guest.path, edit)
    return {
      edits,
      lines: edits.map(lineOf),
      texts: Object.fromEntries(edits.flatMap((edit) => (edit.action === 'write' ? [[edit.path, edit.text]] : []))),
      again: again.edits.map(lineOf),
      reports,
      made: await reportsOn({ tree, disk: undefined }, checks),
    }
  } finally {
    await tree.close()
    guest.remove()
  }
}

/** Formats an edit on one line. */
function lineOf(edit: Edit): string {
  if (edit.action === 'link') return `link ${edit.path} ${edit.target}`
  if (edit.action === 'remove') return `remove ${edit.path}`
  return `${edit.text === '' ? 'empty' : 'write'} ${edit.path}${edit.mode === undefined ? '' : ` ${edit.mode.toString(8)}`}`
}

/** Runs checks on a guest. */
export async function reportsOn(source: GuestSource, checks = CHECKS): Promise<CheckReport[]> {
  const reports: CheckReport[] = []
  await runChecks(source, checks, NEVER, async (report) => reports.push(report))
  return reports
}

/** Makes an edit in a folder, as `writeEdits` does in a disk. */
function makeEdit(folder: string, edit: Edit): void {
  const at = (path: string) => Buffer.concat([Buffer.from(folder), bytesOf(path)])
  const path = at(edit.path)
  const parent = at(folderOf(edit.path).replace(/^\/$/, ''))
  mkdirSync(parent, { recursive: true })
  // Otherwise the edit would leave the guest.
  expect(realpathSync(parent, 'buffer')).toEqual(parent)
  const isFile = lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  if (edit.action === 'remove' || edit.action === 'link' || !isFile)
    rmSync(path, { recursive: edit.action === 'remove', force: true })
  if (edit.action === 'link') symlinkSync(bytesOf(edit.target), path)
  else if (edit.action === 'write') writeFileSync(path, bytesOf(edit.text), { mode: 0o644 })
  if (edit.action === 'write' && edit.mode !== undefined) chmodSync(path, edit.mode)
}
