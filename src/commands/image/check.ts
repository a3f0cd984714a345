import { Flags } from '@oclif/core'
import { GUEST_CHECK_COLUMNS } from '../../cli/answer/columns/guest-check.ts'
import { checkRenderer, guestSentence } from '../../cli/answer/views/guest-check.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { accel, checkNames, root, strict } from '../../cli/flags/guest.ts'
import { fileExpectations } from '../../cli/flags/image.ts'
import { allOf } from '../../cli/session/stdin-ids.ts'
import { VdcError } from '../../core/errors.ts'
import { ACCELERATIONS, type CheckSummary, checkGuests } from '../../registry/image/check/check-guests.ts'
import { FILE_FORMATS } from '../../registry/rules/values.ts'

const OF_IMAGES = { exclusive: ['root'] }

export default class ImageCheck extends BaseCommand {
  static override summary = 'Check whether guests are ready for the cloud.'
  static override description =
    'Looks at the files of a guest: boot loader, network, SSH, metadata script, secrets and files that are left over. Prints the result of each check with its evidence and its remedy: ok, error, warning, note, unknown or not applicable. A word is the ID of an image if it begins with wmi-, or else may be its display name, unless a file has this name; the file that the image boots from is checked, if it is in an image folder of this host. A guest that cannot be checked does not stop the others. Exit code 3: a guest is not ready, because a check found an error or could not read what it needs; otherwise 9: one of several could not be checked. docs/image-checks.md describes all checks.'
  static override examples = [
    '<%= config.bin %> image check lucid.qcow2',
    '<%= config.bin %> image check wmi-k3x9q0bz --save',
    '<%= config.bin %> image list --label vdc-manage.check.result=not-ready',
    '<%= config.bin %> image check --root /srv/guests/lucid --skip log,pkg --strict',
    '<%= config.bin %> image check --root /srv/guests/lucid --json |\n  jq -r \'.guests[].checks[] | select(.result == "error").check\'',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 130, 143]
  static override args = {
    path: flags.anyIds('Disk image files, or IDs (wmi-...) or names of images. Use - for those on stdin.'),
  }
  static override flags = {
    root: root(),
    accel: accel(ACCELERATIONS),
    'file-format': { ...flags.choice('FORMAT', FILE_FORMATS, 'Require this format'), ...OF_IMAGES },
    'max-size': { ...fileExpectations['max-size'], ...OF_IMAGES },
    only: checkNames('Run only these checks; IDs or groups, such as net.dhcp,ssh.'),
    skip: checkNames('Skip these checks; IDs or groups.'),
    strict: strict(),
    save: Flags.boolean({
      summary: 'Store date, result and counts with the images, as labels vdc-manage.check.*.',
    }),
    force: Flags.boolean({ dependsOn: ['save'], summary: 'Save for protected images too.' }),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageCheck)
    requireOneKind(args.path, given)
    const guests = args.path && (await allOf(this.session.ids(args.path))).flat()
    if (guests?.length === 0) await this.answer.note('No IDs on stdin: nothing to check')
    const findings = await this.answer.openFindings(GUEST_CHECK_COLUMNS, checkRenderer((guests?.length ?? 1) > 1))
    const summary = await this.session.watched((watcher) =>
      checkGuests({ guests, ...flags.byColumn(given) }, watcher, {
        withRegistry: (work) => this.session.withRegistry(work),
        lookUp: (work) => this.session.lookUp(work),
        tell: findings.write,
        fail: (error) => this.answer.error(error, { isAnswered: false }),
      }),
    )
    await findings.end()
    for (const guest of summary.guests) await this.answer.note(guestSentence(guest))
    const error = errorIn(summary)
    if (error !== undefined) process.exitCode = error.exit
    await this.answer.summary({ ...summary, ...error?.toJSON() })
  }
}

/** @throws VdcError USAGE unless there are either images or a folder, and --save is given only for whole checks of images. */
function requireOneKind(
  paths: readonly string[] | undefined,
  {
    root,
    only,
    skip,
    save,
  }: { root: string | undefined; only: string[] | undefined; skip: string[] | undefined; save: boolean },
): void {
  const refuse = (message: string, hint: string) => new VdcError('USAGE', message, { hint })
  if ((paths === undefined) === (root === undefined))
    throw refuse(
      paths === undefined ? 'No disk image is named' : 'Disk images cannot be checked together with --root',
      'Name disk image files or images, or a folder with --root',
    )
  if (!save) return
  if (root !== undefined)
    throw refuse('The result can be saved only with an image, and --root names a folder', 'Omit --save or --root')
  if (only !== undefined || skip !== undefined)
    throw refuse(
      `--save cannot be used with --${only === undefined ? 'skip' : 'only'}: a partial check must not be saved as a whole one`,
      'Omit one of them',
    )
}

/** Returns the error that determines the exit code, if there is one. */
function errorIn({ guests, failures }: CheckSummary): VdcError | undefined {
  const names = guests.filter(({ ready }) => !ready).map(({ guest }) => guest)
  if (names.length > 0) return new VdcError('GUEST_NOT_READY', `Not ready for the cloud: ${names.join(', ')}`)
  const total = guests.length + failures.length
  return failures.length === 0
    ? undefined
    : new VdcError('PARTLY_DONE', `${failures.length} of ${total} guests could not be checked`)
}
