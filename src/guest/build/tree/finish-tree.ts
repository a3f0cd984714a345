import { lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CHECKS } from '../../checks/index.ts'
import { planEdits } from '../../prepare/plan-edits.ts'
import { type CheckReport, runChecks } from '../../run-checks.ts'
import { FolderTree } from '../../tree/folder-tree.ts'
import { GuestFiles } from '../../tree/guest-files.ts'
import { configuring } from './configuration.ts'
import { limitTimes } from './limit-times.ts'
import type { TreeRequest, TreeResult } from './tree-request.ts'
import { pathIn, writeEdit } from './write-edit.ts'

/** The process that does this is killed if it is to end. */
const NEVER = { throwIfRequested() {} }

/**
 * Finishes the unpacked files of a new guest: configures it, prepares it as `image prepare` does, and runs all checks on
 * the result. No other process may change the files meanwhile.
 *
 * @throws VdcError GUEST_NOT_READY; Undecided if it cannot be configured; Error of the system.
 */
export async function finishTree(request: TreeRequest): Promise<TreeResult> {
  const { tree: root, disk, init, authorizedKeys, time } = request
  await emptyDevices(join(root, 'dev'))
  const tree = await FolderTree.open(root)
  try {
    const files = new GuestFiles(tree, NEVER)
    if (authorizedKeys !== '')
      await mkdir(pathIn(root, await files.leadsTo('/root/.ssh')), { recursive: true, mode: 0o700 })
    for await (const edit of configuring(new GuestFiles(tree, NEVER), request)) await writeEdit(root, edit)
    const keepsKeys = authorizedKeys !== ''
    const options = { nameservers: [], init, keepKeys: keepsKeys, timezone: undefined }
    const { edits } = await planEdits({ tree, disk }, CHECKS, options, NEVER)
    for (const edit of edits) await writeEdit(root, edit)
    const reports: CheckReport[] = []
    const system = await runChecks({ tree, disk, keepsKeys }, CHECKS, NEVER, async (report) => reports.push(report))
    await limitTimes(Buffer.from(root), time)
    return { edits: edits.map(({ action, path, check, what }) => ({ action, path, check, what })), system, reports }
  } finally {
    await tree.close()
  }
}

/** Removes devices, which only root could make, and which udev makes at boot. A link would lead to those of this host. */
async function emptyDevices(folder: string): Promise<void> {
  if (!(await lstat(folder).catch(() => undefined))?.isDirectory()) {
    await rm(folder, { force: true })
    await mkdir(folder, { mode: 0o755 })
  }
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true })
}
