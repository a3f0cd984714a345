import { Flags } from '@oclif/core'
import { GUEST_CHECK_COLUMNS } from '../../cli/answer/columns/guest-check.ts'
import { guestSentence, renderCheck } from '../../cli/answer/views/guest-check.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { checkNames, root } from '../../cli/flags/guest.ts'
import { VdcError } from '../../core/errors.ts'
import { ACCELERATIONS, type CheckSummary, checkGuests } from '../../registry/image/check/check-guests.ts'

export default class ImageCheck extends BaseCommand {
  static override summary = 'Check whether guests are ready for the cloud.'
  static override description =
    'Looks at the files of a guest: boot loader, network, SSH, metadata script, secrets and files that are left over. Prints the result of each check with its evidence and its remedy: ok, error, warning, note, unknown or not applicable. Exit code 3: not ready, because a check found an error or could not read what it needs. docs/image-checks.md describes all checks.'
  static override examples = [
    '<%= config.bin %> image check lucid.qcow2',
    '<%= config.bin %> image check --root /srv/guests/lucid',
    '<%= config.bin %> image check --root /srv/guests/lucid --skip log,pkg --strict',
    '<%= config.bin %> image check --root /srv/guests/lucid --json |\n  jq -r \'.guests[].checks[] | select(.result == "error").check\'',
  ]
  static override exits = [0, 1, 2, 3, 6, 130, 143]
  static override args = { path: flags.anyIds('Disk image files.') }
  static override flags = {
    root: root(),
    accel: flags.choice('HOW', ACCELERATIONS, 'Run the virtual machine that looks into images with this'),
    only: checkNames('Run only these checks; IDs or groups, such as net.dhcp,ssh.'),
    skip: checkNames('Skip these checks; IDs or groups.'),
    strict: Flags.boolean({ summary: 'Not ready if there are warnings, too.' }),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageCheck)
    const { root, accel, only, skip, strict } = given
    const { path: paths } = args
    if ((paths === undefined) === (root === undefined))
      throw new VdcError(
        'USAGE',
        paths === undefined ? 'No disk image is named' : 'Disk images cannot be checked together with --root',
        {
          hint: 'Name disk image files, or a folder with --root',
        },
      )
    const findings = await this.answer.openFindings(GUEST_CHECK_COLUMNS, renderCheck)
    const summary = await this.session.watched((watcher) =>
      checkGuests({ paths, root, accel, only, skip, strict }, watcher, findings.write),
    )
    await findings.end()
    for (const guest of summary.guests) await this.answer.note(guestSentence(guest))
    const error = errorIn(summary)
    if (error !== undefined) process.exitCode = error.exit
    await this.answer.summary({ ...summary, ...error?.toJSON() })
  }
}

/** Returns the error that determines the exit code, if there is one. */
function errorIn({ ready, guests }: CheckSummary): VdcError | undefined {
  if (ready) return undefined
  const names = guests.filter((guest) => !guest.ready).map(({ guest }) => guest)
  return new VdcError('GUEST_NOT_READY', `Not ready for the cloud: ${names.join(', ')}`)
}
