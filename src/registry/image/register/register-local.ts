import { VdcError } from '../../../core/errors.ts'
import type { NamedHow } from '../../../disk/file/image-file.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { isIdNotFile } from '../../rules/id-or-path.ts'
import type { ImageDetails } from '../details.ts'
import { checksumsListedIn } from './given-checksum.ts'
import { type FileImageRequest, registerFile } from './register-file.ts'
import { type ImageId, registerObject } from './register-object.ts'

/**
 * Registers an image that boots from a local copy of a file on this host or of a backup
 * object. A source that starts with `bo-` is an object's ID unless a file has this name
 * (dcmgr.md, "How the original's command line behaves").
 *
 * @param source path or ID.
 * @param watcher receives the progress and can cancel the work on a file.
 * @param options.details return the whole image for a backup object, too (`registerObject`).
 * @param options.named how a file was named.
 * @throws VdcError the errors of `registerFile` and `registerObject`; VALUE_REFUSED if a
 *   backup object is given with an option that applies only to files.
 */
export async function registerLocal(
  registry: Registry,
  source: string,
  request: Omit<FileImageRequest, 'path'>,
  watcher: Watcher,
  options: { details: boolean; named?: NamedHow } = { details: true },
): Promise<ImageDetails | ImageId> {
  if (!isIdNotFile('backupObject', source)) {
    const listed = await checksumsListedIn(request.checksum, watcher)
    return registerFile(registry, { ...request, ...listed(source), path: source }, watcher, options.named)
  }
  const { storage_id, checksum, md5sum, max_size, convert, thorough, check, prepare, ...rest } = request
  const stray = Object.entries({ storage_id, checksum, md5sum, max_size, convert, thorough, check, prepare }).find(
    ([, value]) => value !== undefined,
  )
  if (stray !== undefined) {
    throw new VdcError('VALUE_REFUSED', `${stray[0]} applies only to files, and ${source} is a backup object`, {
      hint: `Omit --${stray[0].replaceAll('_', '-')}`,
    })
  }
  return registerObject(registry, 'local', { ...rest, backup_object_id: source }, options)
}
