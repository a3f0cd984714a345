import { existsSync } from 'node:fs'
import { VdcError } from '../../../core/errors.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { prefixOf } from '../../rules/identifiers.ts'
import type { ImageDetails } from '../details.ts'
import { type FileImageRequest, registerFile } from './register-file.ts'
import { type ImageId, registerObject } from './register-object.ts'

/**
 * Registers an image that boots from a local copy: of a file of this host, or of
 * a backup object. What begins with `bo-` and names no file is an object's id
 * (dcmgr.md, "How the original's command line behaves").
 *
 * @param source path or id.
 * @param watcher told of what takes long with a file.
 * @param options.details return the whole image, also of a backup object (`registerObject`).
 * @throws VdcError as `registerFile` and `registerObject`.
 */
export async function registerLocal(
  registry: Registry,
  source: string,
  request: Omit<FileImageRequest, 'path'>,
  watcher: Watcher,
  options: { details: boolean } = { details: true },
): Promise<ImageDetails | ImageId> {
  if (!source.startsWith(prefixOf('backupObject')) || existsSync(source)) {
    return registerFile(registry, { ...request, path: source }, watcher)
  }
  const { storage_id, checksum, md5sum, max_size, convert, thorough, ...rest } = request
  const stray = Object.entries({ storage_id, checksum, md5sum, max_size, convert, thorough }).find(
    ([, value]) => value !== undefined,
  )
  if (stray !== undefined) {
    throw new VdcError('VALUE_REFUSED', `${stray[0]} speaks of a file, and ${source} is a backup object`, {
      hint: `Leave --${stray[0].replaceAll('_', '-')} out`,
    })
  }
  return registerObject(registry, 'local', { ...rest, backup_object_id: source }, options)
}
