import { Flags } from '@oclif/core'
import { counted } from '../../cli/answer/cells.ts'
import { guestSentence, renderCheck } from '../../cli/answer/views/guest-check.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { BUILD_GROUPS, newBuiltImage } from '../../cli/flags/image.ts'
import { ERRORS, VdcError } from '../../core/errors.ts'
import {
  BUILD_INITS,
  BUILD_SIZE,
  BUILD_TIMEOUT,
  type BuildRequest,
  type BuiltReport,
  buildImage,
  tryBuildImage,
} from '../../registry/image/build/build-image.ts'
import {
  type BuiltImageRequest,
  buildAndRegister,
  tryBuildAndRegister,
} from '../../registry/image/build/register-built.ts'
import { PREPARED_FORMATS } from '../../registry/rules/values.ts'

export default class ImageBuild extends BaseCommand {
  static override summary = 'Build a disk image with Debian or Ubuntu and print its path.'
  static override description =
    'Installs a small system with mmdebstrap: kernel, systemd, sshd, DHCP, serial console, a script or cloud-init that gets the metadata, and GRUB for BIOS. Nobody can log in with a password. The guest is prepared and checked as image prepare does. Needs neither root nor devices nor mounts, only network access to a mirror. The new file appears once it is complete; existing files are never overwritten. With --register, prints the ID of the new image instead. If packages or the script leave errors that only you can fix, the exit code is 3, but the file is kept.'
  static override examples = [
    '<%= config.bin %> image build bookworm.qcow2 --suite bookworm',
    '<%= config.bin %> image build web.qcow2 --suite trixie --package nginx,vim-tiny \\\n  --script set-up.sh',
    'id=$(<%= config.bin %> image build bookworm.qcow2 --suite bookworm \\\n  --register --account-id a-shpoolxx)',
    '<%= config.bin %> image build noble.qcow2 --suite noble --init cloud-init \\\n  --mirror http://archive.ubuntu.com/ubuntu',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override args = { out: flags.path('New file.') }
  static override flags = flags.grouped(BUILD_GROUPS, {
    suite: Flags.string({
      helpValue: 'NAME',
      required: true,
      summary: 'Release to install, such as bookworm or trixie.',
    }),
    mirror: flags.text('URL', "Archive to install from. Default: the distribution's."),
    package: Flags.string({
      helpValue: 'NAME,...',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
      summary: 'More packages to install.',
    }),
    kernel: flags.text('NAME', 'Kernel package. Default: the one for virtual machines.'),
    init: flags.choice('WHAT', BUILD_INITS, 'Get the metadata with', { value: 'script' }),
    hostname: flags.text('NAME', 'Host name before the metadata sets it. Default: the suite.'),
    'authorized-key': flags.text('FILE', 'Public keys with which root can log in.'),
    script: flags.text('FILE', 'Program to run in the guest, as root, after the installation.'),
    size: Flags.string({ helpValue: 'SIZE', default: BUILD_SIZE, summary: 'Size of the disk.' }),
    to: flags.choice('FORMAT', PREPARED_FORMATS, 'Format of the new file', { value: 'qcow2' }),
    compress: Flags.boolean({ summary: 'Compress the new file (qcow2 only).' }),
    timestamp: Flags.integer({
      helpValue: 'SECONDS',
      summary: 'Build reproducibly; no file is newer than this Unix time.',
    }),
    timeout: Flags.integer({
      helpValue: 'SECONDS',
      default: BUILD_TIMEOUT,
      summary: 'Longest time to install the packages.',
    }),
    ...newBuiltImage,
    quiet: { ...flags.onlyIds('Print only the ID of the registered image, and no notes.'), dependsOn: ['register'] },
    'dry-run': flags.dryRun(),
  })

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageBuild)
    const {
      register,
      account_id,
      create_account,
      uuid,
      display_name,
      description,
      is_public,
      quiet: _,
      ...build
    } = flags.byColumn(given)
    if (!register && this.isGiven('account-id'))
      throw new VdcError('USAGE', '--account-id requires --register', { hint: 'See: vdc-manage image build --help' })
    const request = { ...args, ...build }
    const image = { account_id: account_id ?? '', create_account, uuid, display_name, description, is_public }
    if (this.session.isDryRun) return this.#try(request, register ? image : undefined)
    const report = await this.session.makeOnce(request, () => this.#build(request, register ? image : undefined))
    if (!report.guest.ready) process.exitCode = ERRORS.GUEST_NOT_READY.exit
    return this.#print(report)
  }

  async #print(report: BuiltReport): Promise<void> {
    const { path, edits, guest, id } = report
    const error = guest.ready ? {} : new VdcError('GUEST_NOT_READY', `${path} is not ready for the cloud`).toJSON()
    if (id !== null) await this.answer.id({ ...report, id })
    else if (this.answer.isAskedFor) await this.answer.thing({ ...report, ...error })
    else await this.answer.path(path)
    if (this.answer.isAskedFor) return
    for (const check of guest.checks) if (check.result === 'error') await this.answer.note(renderCheck(check))
    await this.answer.note(`${guestSentence(guest)} (${counted(edits.length, 'change')})`)
  }

  #build(request: BuildRequest, image: BuiltImageRequest | undefined): Promise<BuiltReport> {
    return this.session.watched((watcher) =>
      image === undefined
        ? buildImage(request, watcher)
        : this.session.withRegistry((registry) => buildAndRegister(registry, request, image, watcher)),
    )
  }

  async #try(request: BuildRequest, image: BuiltImageRequest | undefined): Promise<void> {
    await this.session.watched(async (watcher) => {
      if (image === undefined) this.session.wouldDo(await tryBuildImage(request, watcher))
      else await this.session.withRegistry((registry) => tryBuildAndRegister(registry, request, image, watcher))
    })
  }
}
