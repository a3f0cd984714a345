import { constants } from 'node:fs'
import { type FileHandle, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openNameless, temporaryFolder } from '../../disk/file/temporary-file.ts'
import { notWritten } from '../../disk/file/write-error.ts'
import { requireSpace } from '../../disk/make/reserve.ts'
import { holding, reopen } from '../../disk/remove/held.ts'
import type { Watcher } from '../../disk/watcher.ts'
import { NEEDS_SPACE, withBuildFolder } from './build-folder.ts'
import type { BuildOptions } from './build-options.ts'
import { makeExt4 } from './disk/ext4.ts'
import { makeGrub } from './disk/grub.ts'
import { firstSector } from './disk/mbr.ts'
import { type RunTool, toolRunner } from './disk/run-tool.ts'
import { type Identity, identityOf } from './identity.ts'
import { buildPath } from './inside/command.ts'
import { failed } from './inside/run-inside.ts'
import { installPackages } from './install-packages.ts'
import { findBuildLack } from './requirements.ts'
import { runTreeWorker } from './tree/run-tree-worker.ts'
import type { TreeResult } from './tree/tree-request.ts'

/** Bytes that a small guest, its packages and its disk take while it is built. */
const USUAL_SPACE = 1.5 * 1024 ** 3
/** Variables that say how to reach the mirror. Programs read them, and nothing writes them into the guest. */
const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

/**
 * Builds a guest on a raw disk, and runs `use` with it: installs packages, configures and prepares the guest, checks
 * it, and makes the filesystem and the boot loader. Nothing is mounted on the host, and no device is used.
 *
 * @param use gets the disk, a file without a name, and what was done with the guest.
 * @throws VdcError BUILD_FAILED, FILE_NOT_WRITTEN, GUEST_NOT_READY if the guest cannot be prepared, VALUE_REFUSED if
 *   the disk is too small; the error of the cancellation; errors of `use`.
 */
export async function withBuiltDisk<T>(
  options: BuildOptions,
  watcher: Watcher,
  use: (disk: FileHandle, result: TreeResult) => Promise<T>,
): Promise<T> {
  await requireBuildable(watcher)
  const writable = await openNameless().catch((error: unknown) => {
    throw notWritten(temporaryFolder(), error, NEEDS_SPACE)
  })
  return holding(writable, async () => {
    const result = await withBuildFolder((folder) => buildIn(folder, options, writable, watcher))
    return holding(await reopen(writable, constants.O_RDONLY), (disk) => use(disk, result))
  })
}

/**
 * Checks whether images can be built here.
 *
 * @throws VdcError BUILD_FAILED, FILE_NOT_WRITTEN if there is too little space; the error of the cancellation.
 */
export async function requireBuildable({ cancellation }: Watcher): Promise<void> {
  const lack = await findBuildLack(process.env, cancellation)
  if (lack !== undefined) throw failed(`Images cannot be built: ${lack.why}`, lack.hint)
  const folder = temporaryFolder()
  if (/["\p{Cc}]/u.test(folder))
    throw failed(
      `apt cannot use the temporary folder ${folder}`,
      'Set TMPDIR to a path without double quotes and newlines',
    )
  await requireSpace(folder, USUAL_SPACE).catch((error: unknown) => {
    throw notWritten(folder, error, NEEDS_SPACE)
  })
}

async function buildIn(
  folder: string,
  options: BuildOptions,
  handle: FileHandle,
  watcher: Watcher,
): Promise<TreeResult> {
  const time = options.timestamp ?? Math.floor(Date.now() / 1000)
  const identity = identityOf(options)
  const env = environment(folder, time)
  const tree = join(folder, 'tree')
  await mkdir(tree)
  await installPackages(folder, tree, options, env, watcher)
  const task = watcher.progress.begin('Making the disk', undefined)
  try {
    const result = await runTreeWorker(folder, requestOf(tree, options, identity, time), env, watcher.cancellation)
    const run = toolRunner(folder, env, watcher.cancellation)
    await makeDisk(handle, folder, tree, options.size, identity, time, run)
    return result
  } finally {
    task.end()
  }
}

async function makeDisk(
  handle: FileHandle,
  folder: string,
  tree: string,
  size: number,
  identity: Identity,
  time: number,
  run: RunTool,
): Promise<void> {
  await handle.truncate(size)
  await makeExt4({ handle, size }, tree, identity, time, run, async (text) => {
    const path = join(folder, 'commands')
    await writeFile(path, text)
    return path
  })
  const { boot, core } = await makeGrub(folder, run)
  const first = firstSector(boot, identity.disk, size)
  await handle.write(first, 0, first.length, 0)
  await handle.write(core, 0, core.length, first.length)
}

function requestOf(tree: string, { init, hostName, authorizedKeys }: BuildOptions, identity: Identity, time: number) {
  const { filesystem: uuid } = identity
  const partUuid = `${identity.disk.toString(16).padStart(8, '0')}-01`
  const disk = {
    hasBootCode: true,
    hasEfiLoader: false,
    isRootLast: true,
    roots: ['/dev/sda1'],
    encrypted: [],
    filesystems: [{ uuid, partUuid }],
  }
  return { tree, init, hostName, authorizedKeys, filesystem: uuid, disk, time }
}

function environment(folder: string, time: number): Record<string, string> {
  const proxies = PROXIES.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(proxies),
    PATH: buildPath(process.env),
    HOME: folder,
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: String(time),
    // What Python keeps when it runs programs of packages differs from run to run.
    PYTHONDONTWRITEBYTECODE: '1',
  }
}
