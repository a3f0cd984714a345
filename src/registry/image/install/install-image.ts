import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import { fileSource } from '../../../disk/file/source.ts'
import { whyNotBootable } from '../../../disk/formats/contents/filesystems/el-torito.ts'
import { endOfIso9660 } from '../../../disk/formats/contents/filesystems/iso9660.ts'
import type { TargetFormat } from '../../../disk/inspect/file-formats.ts'
import { requireWritableFolder, withConvertible } from '../../../disk/make/convert-image.ts'
import { withEmptyImage } from '../../../disk/make/empty-image.ts'
import type { OutputPlace } from '../../../disk/make/output-place.ts'
import { heldPath } from '../../../disk/remove/held.ts'
import { ACCELERATIONS, type Acceleration } from '../../../guest/appliance/session.ts'
import { type InstallOptions, installGuest } from '../../../guest/install/install-guest.ts'
import { MACHINE_ARCHES, type MachineArch } from '../../../guest/machine/command-line.ts'
import { vncPlace } from '../../../guest/machine/vnc.ts'
import type { FileChange } from '../../change.ts'
import type { Watcher } from '../../registry.ts'
import { machineMemory, whole } from '../../rules/numbers.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { DEFAULT_ARCH, PREPARED_FORMATS } from '../../rules/values.ts'
import { type FileReport, reportOf } from '../check/inspect-file.ts'
import { withImageFile } from '../register/accept-file.ts'
import { size } from '../register/expectations.ts'

export { ACCELERATIONS } from '../../../guest/appliance/session.ts'
export { MACHINE_ARCHES } from '../../../guest/machine/command-line.ts'

/** MiB of memory by default; installers need more than the systems that they install. */
export const INSTALL_MEMORY = 1024
/** Seconds that an installation may take by default: a day. */
export const INSTALL_TIMEOUT = 86_400
/** The usual size of a disk. */
export const INSTALL_SIZE = '10G'
const MOST_TIME = 604_800
const MIB = 1024 ** 2
const TIB = MIB ** 2

const installRequest = z.object({
  iso: z.string(),
  out: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  size: z.prefault(
    size.check(
      z.refine((bytes) => bytes >= MIB && bytes <= 64 * TIB && bytes % MIB === 0, 'must be whole MiB, from 1M to 64T'),
    ),
    INSTALL_SIZE,
  ),
  to: z.prefault(oneOf(PREPARED_FORMATS), 'qcow2'),
  arch: z.prefault(oneOf(MACHINE_ARCHES), DEFAULT_ARCH),
  accel: z.prefault(oneOf(ACCELERATIONS), 'auto'),
  memory: z.prefault(machineMemory(), INSTALL_MEMORY),
  timeout: z.prefault(whole(1, MOST_TIME), INSTALL_TIMEOUT),
  vnc: z.prefault(z.string(), 'unix'),
  offline: z.prefault(z.boolean(), false),
})

/** The request of `installImage`: a CD image, the new file, and the virtual machine. */
export type InstallRequest = z.input<typeof installRequest>

/**
 * Boots a virtual machine from a CD with an empty disk, and waits until the user has installed a guest and it powers
 * off. The new file appears then.
 *
 * @param onVnc called with the argument of vncviewer(1) once the screen can be looked at.
 * @returns the report on the new file.
 * @throws VdcError VALUE_REFUSED; FILE_REFUSED if the file is not a bootable CD; FILE_EXISTS, FILE_NOT_WRITTEN;
 *   QEMU_IMG_FAILED if QEMU cannot run or takes too long; INTERRUPTED, TERMINATED.
 */
export async function installImage(
  request: InstallRequest,
  watcher: Watcher,
  onVnc: InstallOptions['onVnc'],
): Promise<FileReport> {
  return withInstallable(request, watcher, ({ iso, place, format, size, options }) =>
    withEmptyImage(place, { format, size }, watcher, {
      fill: (image) =>
        installGuest({
          ...{ ...options, watcher, onVnc, cd: iso.handle.fd },
          disk: { fd: image.handle.fd, format, folder: heldPath(place.folder) },
        }),
      use: async (made) => reportOf(await made.moveIntoPlace(), made.inspection),
    }),
  )
}

/**
 * Checks whether `installImage` could install; starts and creates nothing.
 *
 * @returns the file that it would create, with its path resolved.
 * @throws VdcError the errors of `installImage`, except those of the virtual machine.
 */
export async function tryInstallImage(request: InstallRequest, watcher: Watcher): Promise<FileChange> {
  return withInstallable(request, watcher, async ({ place, format }) => {
    return { action: 'create', path: place.path, file_format: format }
  })
}

interface Installable {
  iso: ImageFile
  place: OutputPlace
  format: TargetFormat
  size: number
  options: Pick<InstallOptions, 'arch' | 'accel' | 'memory' | 'timeout' | 'isOffline' | 'vnc'>
}

async function withInstallable<T>(
  request: InstallRequest,
  watcher: Watcher,
  work: (installable: Installable) => Promise<T>,
): Promise<T> {
  const { iso: path, out, size: bytes, to, arch, accel, vnc, offline, ...valid } = validate(installRequest, request)
  const format = to as TargetFormat
  const options = {
    ...valid,
    arch: arch as MachineArch,
    accel: accel as Acceleration,
    isOffline: offline,
    vnc: vncPlace(vnc),
  }
  return withConvertible(out, { to: format, compress: false }, (place) =>
    withImageFile(path, async (iso) => {
      await requireBootableCd(iso, watcher)
      await requireWritableFolder(place)
      return work({ iso, place, format, size: bytes, options })
    }),
  )
}

/** @throws VdcError FILE_REFUSED. */
async function requireBootableCd(iso: ImageFile, { cancellation }: Watcher): Promise<void> {
  const source = fileSource(iso, MIB, cancellation)
  const why = (await endOfIso9660(source)) === 0 ? 'is not an ISO image' : await whyNotBootable(source).catch(damaged)
  if (why === undefined) return
  throw new VdcError('FILE_REFUSED', `The file ${iso.path} ${why}, so no guest can be installed from it`, {
    hint: 'Name the ISO image of an installation CD or DVD for PCs',
  })
}

function damaged(error: unknown): string {
  if (error instanceof VdcError && error.code === 'FILE_REFUSED') return error.message
  throw error
}
