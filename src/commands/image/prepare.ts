import { Flags } from '@oclif/core'
import { counted } from '../../cli/answer/cells.ts'
import { guestSentence, renderCheck } from '../../cli/answer/views/guest-check.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { accel, checkNames, strict } from '../../cli/flags/guest.ts'
import { fileExpectations } from '../../cli/flags/image.ts'
import { ERRORS, VdcError } from '../../core/errors.ts'
import type { GuestReport } from '../../registry/image/check/look-into-guest.ts'
import { ACCELERATIONS, INITS, prepareFile, tryPrepareFile } from '../../registry/image/prepare/prepare-file.ts'
import { FILE_FORMATS, PREPARED_FORMATS } from '../../registry/rules/values.ts'

const NOT_READY = ERRORS.GUEST_NOT_READY.exit

export default class ImagePrepare extends BaseCommand {
  static override summary = 'Prepare a copy of a disk image and print its path.'
  static override description =
    'Removes from the copy what must not be in an image, such as host keys, MAC addresses, histories and logs, and installs a script that gets the metadata, unless cloud-init is installed. docs/image-checks.md lists all changes. The source is not written to. The new file appears once it is complete and was checked again; existing files are never overwritten. Problems that only you can fix are reported: the exit code is then 3, but the file is kept.'
  static override examples = [
    '<%= config.bin %> image prepare lucid.vmdk lucid.qcow2',
    '<%= config.bin %> image prepare lucid.raw lucid.qcow2 --dry-run',
    'file=$(<%= config.bin %> image prepare bookworm.raw bookworm.qcow2) &&\n  <%= config.bin %> image add local "$file" --account-id a-shpoolxx',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 130, 143]
  static override args = {
    path: flags.path('Disk image file, also packed (gzip, tar, xz, zstd, bzip2, zip or OVA).'),
    out: flags.path('New file.'),
  }
  static override flags = {
    to: flags.choice('FORMAT', PREPARED_FORMATS, 'Format of the new file', { value: 'qcow2' }),
    only: checkNames('Apply only these checks and their fixes; IDs or groups, such as net.mac,ssh.'),
    skip: checkNames('Skip these checks and their fixes; IDs or groups.'),
    init: flags.choice('WHAT', INITS, 'Get the metadata with', { value: 'auto' }),
    nameserver: Flags.string({
      helpValue: 'IP,...',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
      summary: 'Name servers for /etc/resolv.conf.',
    }),
    timezone: flags.text('ZONE', 'Set this time zone, such as Asia/Tokyo.'),
    'keep-keys': Flags.boolean({ summary: 'Keep the keys in authorized_keys.' }),
    strict: strict(),
    accel: accel(ACCELERATIONS),
    'file-format': flags.choice('FORMAT', FILE_FORMATS, 'Require this source format'),
    ...fileExpectations,
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImagePrepare)
    const request = { ...args, ...flags.byColumn(given) }
    const warn = (text: string) => void this.answer.warning(text)
    if (this.session.isDryRun) {
      const tried = await this.session.watched((watcher) => tryPrepareFile(request, watcher, warn))
      for (const change of tried.changes) this.session.wouldDo(change)
      if (!tried.guest.ready) process.exitCode = NOT_READY
      return this.#explain(tried.guest)
    }
    const report = await this.session.makeOnce(request, () =>
      this.session.watched((watcher) => prepareFile(request, watcher, warn)),
    )
    const { path, edits, guest } = report
    if (!guest.ready) process.exitCode = NOT_READY
    if (this.answer.isAskedFor) {
      const error = guest.ready ? {} : new VdcError('GUEST_NOT_READY', `${path} is not ready for the cloud`).toJSON()
      return this.answer.thing({ ...report, ...error })
    }
    await this.answer.path(path)
    await this.#explain(guest, edits.length)
  }

  /** Prints the remaining errors and a summary to stderr. */
  async #explain(guest: GuestReport, changes?: number): Promise<void> {
    for (const check of guest.checks) if (check.result === 'error') await this.answer.note(renderCheck(check))
    const done = changes === 0 ? 'nothing to do' : counted(changes ?? 0, 'change')
    await this.answer.note(changes === undefined ? guestSentence(guest) : `${guestSentence(guest)} (${done})`)
  }
}
