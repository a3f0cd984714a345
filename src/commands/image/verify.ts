import { availableParallelism } from 'node:os'
import { Flags } from '@oclif/core'
import { VERIFICATION_COLUMNS } from '../../cli/answer/columns/verification.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { thorough } from '../../cli/flags/image.ts'
import { allOf } from '../../cli/session/stdin-ids.ts'
import { printable } from '../../cli/terminal/escape.ts'
import { VdcError } from '../../core/errors.ts'
import { type Verification, type VerifySummary, verifyImages } from '../../registry/image/check/verify.ts'

export default class ImageVerify extends BaseCommand {
  static override summary = 'Compare images with their files.'
  static override description =
    'Checks that each file exists, has the recorded size, checksums and format, and still refers to no other file. Prints one line per image: ok, differs, or not checked, for example because the file is on another host. Several files are read at once; a file that images share is read once. The exit code is 8 if any image differs.'
  static override examples = [
    '<%= config.bin %> image verify wmi-k3x9q0bz',
    '<%= config.bin %> image verify --all --quick',
    "<%= config.bin %> image verify --account-id a-k3x9q0bz | grep -v ': ok$'",
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130, 143]
  static override args = { id: flags.anyIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = {
    'account-id': flags.accountId('Verify all images that this account can use.'),
    all: Flags.boolean({ exclusive: ['account-id'], summary: 'Verify all images that are not deleted.' }),
    quick: Flags.boolean({ summary: 'Skip the checksums, which are slow.' }),
    thorough: thorough(),
    quiet: flags.onlyIds('Print only the IDs of images that differ, and no notes.'),
    jobs: Flags.integer({
      char: 'j',
      helpValue: 'N',
      summary: 'Number of files to read at once. Default: number of processors.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageVerify)
    this.requireChoice(args.id, given)
    const request = {
      ids: args.id && (await allOf(this.session.ids(args.id))).flat(),
      account_id: given['account-id'],
      quick: given.quick,
      thorough: given.thorough,
      jobs: given.jobs ?? availableParallelism(),
    }
    if (request.ids?.length === 0) await this.answer.note('No IDs on stdin: nothing to check')
    const findings = await this.answer.openFindings(VERIFICATION_COLUMNS, lineOf)
    const write = async (finding: Verification) => {
      if (!given.quiet || finding.result === 'differs') await findings.write(finding)
    }
    let interruption: VdcError | undefined
    const summary = await this.session.watched((watcher) =>
      this.session.withRegistry((registry) =>
        verifyImages(registry, request, watcher, write, (error) => {
          interruption = error
        }),
      ),
    )
    await findings.end()
    if (!given.quiet) await this.answer.note(sentenceOf(summary))
    const error = interruption ?? errorIn(summary)
    if (interruption !== undefined) await this.answer.error(interruption)
    else if (error !== undefined) process.exitCode = error.exit
    await this.answer.summary({ ...summary, ...error?.toJSON() })
  }

  /** @throws VdcError USAGE unless either IDs or an option that selects images is given. */
  private requireChoice(
    ids: readonly string[] | undefined,
    given: { 'account-id'?: string | undefined; all?: boolean },
  ) {
    const many = given['account-id'] !== undefined || given.all === true
    if ((ids !== undefined) === many) {
      const problem = many ? 'IDs cannot be used with --account-id or --all' : 'No images given'
      throw new VdcError('USAGE', problem, { hint: 'Give IDs, --account-id or --all' })
    }
  }
}

function lineOf({ id, result, differences }: Verification): string {
  const words = { ok: 'ok', differs: 'differs', not_checked: 'not checked' }[result]
  return printable(`${id}: ${[words, ...differences].join('; ').replace('; ', ': ')}`)
}

function sentenceOf({ images, ok, differs, not_checked: notChecked, unknown }: VerifySummary): string {
  const parts = [`${ok} ok`, `${differs} differ${differs === 1 ? 's' : ''}`, `${notChecked} not checked`]
  const total = images.length + unknown
  return `${total} image${total === 1 ? '' : 's'}: ${parts.join(', ')}${unknown > 0 ? `, ${unknown} unknown` : ''}`
}

/** Returns the error that determines the exit code, if there is one. */
function errorIn({ images, differs }: VerifySummary): VdcError | undefined {
  if (differs > 0) {
    return new VdcError('VERIFY_DIFFERS', `${differs} of ${images.length} images differ from the registry`)
  }
  const failed = images.filter((image) => image.failed).length
  return failed > 0
    ? new VdcError('PARTLY_DONE', `${failed} of ${images.length} images could not be checked`)
    : undefined
}
