import { Flags } from '@oclif/core'
import { guestSentence, renderCheck } from '../../cli/answer/views/guest-check.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { checkNames } from '../../cli/flags/guest.ts'
import { fileExpectations } from '../../cli/flags/image.ts'
import { printable } from '../../cli/terminal/escape.ts'
import { ERRORS, VdcError } from '../../core/errors.ts'
import type { GuestReport } from '../../registry/image/check/look-into-guest.ts'
import { ACCELERATIONS, INITS, prepareFile, tryPrepareFile } from '../../registry/image/prepare/prepare-file.ts'
import { FILE_FORMATS, PREPARED_FORMATS } from '../../registry/rules/values.ts'

const NOT_READY = ERRORS.GUEST_NOT_READY.exit

export default class ImagePrepare extends BaseCommand {
  static override summary = 'Prepare a copy of a disk image and print its path.'
  static override description =
    'Removes from the copy what must not be in an image, such as host keys, MAC addresses, histories and logs, and installs a script that gets the metadata, unless cloud-init is there. docs/image-checks.md says what is done. The source is not written to. The new file appears when it is complete and was checked again, and existing files are never overwritten. What only people can fix is reported, and the exit code is then 3, although the file is there.'
  static override examples = [
    '<%= config.bin %> image prepare lucid.vmdk lucid.qcow2',
    '<%= config.bin %> image prepare lucid.raw lucid.qcow2 --dry-run',
    'file=$(<%= config.bin %> image prepare bookworm.raw bookworm.qcow2) &&\n<%= config.bin %> image add local "$file" --account-id a-shpoolxx',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 130, 143]
  static override args = {
    path: flags.path('Disk image file, optionally packed with gzip or tar.'),
    out: flags.path('New file.'),
  }
  static override flags = {
    to: flags.choice('FORMAT', PREPARED_FORMATS, 'Format of the new file', { value: 'qcow2' }),
    only: checkNames('Do only what these checks ask for; IDs or groups, such as net.mac,ssh.'),
    skip: checkNames('Do not do what these checks ask for; IDs or groups.'),
    init: flags.choice('WHAT', INITS, 'What gets the metadata', { value: 'auto' }),
    nameserver: Flags.string({
      helpValue: 'IP,...',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
      summary: 'Name server for /etc/resolv.conf.',
    }),
    timezone: flags.text('ZONE', 'Time zone, such as Asia/Tokyo.'),
    'keep-keys': Flags.boolean({ summary: 'Keep the keys in authorized_keys.' }),
    strict: Flags.boolean({ summary: 'Not ready if there are warnings, too.' }),
    accel: flags.choice('HOW', ACCELERATIONS, 'Run the virtual machine that changes the copy with this', {
      value: 'auto',
    }),
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
    // Like ls: exact in a pipe, with control characters escaped on a terminal.
    await this.answer.text(`${process.stdout.isTTY ? printable(path) : path}\n`)
    await this.#explain(guest, edits.length)
  }

  /** Says on stderr what is left to people. */
  async #explain(guest: GuestReport, changes?: number): Promise<void> {
    for (const check of guest.checks) if (check.result === 'error') await this.answer.note(renderCheck(check))
    const done = changes === 0 ? 'nothing to do' : `${changes} change${changes === 1 ? '' : 's'}`
    await this.answer.note(`${guestSentence(guest)}${changes === undefined ? '' : ` (${done})`}`)
  }
}
