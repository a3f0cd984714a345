import { Flags } from '@oclif/core'
import { TRIED_STEP_COLUMNS } from '../../cli/answer/columns/tried-step.ts'
import { screenHint } from '../../cli/answer/views/screen.ts'
import { stepRenderer, trySentence, whyNotBooted } from '../../cli/answer/views/tried-step.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { accel } from '../../cli/flags/guest.ts'
import { fileExpectations } from '../../cli/flags/image.ts'
import { VdcError } from '../../core/errors.ts'
import {
  ACCELERATIONS,
  MACHINE_ARCHES,
  TRY_MEMORY,
  TRY_TIMEOUT,
  type TryReport,
  tryImage,
} from '../../registry/image/try/try-image.ts'
import { FILE_FORMATS } from '../../registry/rules/values.ts'

export default class ImageTry extends BaseCommand {
  static override summary = 'Boot an image as an instance, and report what it does.'
  static override description =
    'Starts a disk image in QEMU on a temporary snapshot. The guest reaches DHCP and a metadata service, but no other network. Prints each step with its time: boot loader, kernel, system, address, metadata, user-data, host name, SSH, and power-off. A step is ok, failed, or not seen, for example because the guest prints nothing on its serial console. A word that begins with wmi- is the ID of an image unless a file has this name; the file that the image boots from is tried, if it is in an image folder of this host. Ends when all steps are decided, when the guest has been silent for a while, or at the timeout. Needs no root. Exit code 3: the guest did not boot, or did not get its address or its metadata; with --twice also if its two instances have the same host key or machine ID. docs/trying-images.md describes all steps.'
  static override examples = [
    '<%= config.bin %> image try lucid.qcow2',
    '<%= config.bin %> image try wmi-k3x9q0bz --twice --save',
    '<%= config.bin %> image try lucid.qcow2 --user-data setup.sh \\\n  --console lucid.log --screenshot lucid.png',
    '<%= config.bin %> image try lucid.qcow2 --json |\n  jq -r \'.steps[] | select(.result == "failed") | .message\'',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override args = {
    path: flags.oneId('Disk image file, or ID (wmi-...) or display name of an image.'),
  }
  static override flags = flags.grouped(
    {
      BOOT: ['accel', 'arch', 'memory', 'timeout', 'twice'],
      INSTANCE: ['instance', 'user-data'],
      'FILE CHECKS': ['file-format', 'max-size'],
    },
    {
      accel: accel(ACCELERATIONS),
      arch: flags.choice('ARCH', MACHINE_ARCHES, 'Architecture', { more: 'Default: that of the image.' }),
      'file-format': flags.choice('FORMAT', FILE_FORMATS, 'Require this format'),
      ...fileExpectations,
      memory: Flags.integer({ helpValue: 'MIB', default: TRY_MEMORY, summary: 'Memory in MiB.' }),
      timeout: Flags.integer({
        helpValue: 'SECONDS',
        default: TRY_TIMEOUT,
        summary: 'Longest time for all steps before power-off.',
      }),
      twice: Flags.boolean({ summary: 'Boot twice, and compare host keys and machine IDs.' }),
      instance: flags.text('FILE', 'Boot as the instance in this YAML file; see metadata example.'),
      'user-data': flags.text('FILE', 'User-data of the instance.'),
      console: flags.text('FILE', 'Write the serial console to this new file.'),
      screenshot: flags.text('FILE', 'Write the last screen to this new PNG file.'),
      vnc: flags.text('WHERE', 'Show the screen with VNC: unix (a socket), or 127.0.0.1:PORT.'),
      save: Flags.boolean({ summary: 'Store date and result with the image, as labels vdc-manage.try.*.' }),
      force: Flags.boolean({ dependsOn: ['save'], summary: 'Save for a protected image too.' }),
    },
    'OUTPUT',
  )

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageTry)
    const request = { image: args.path, ...flags.byColumn(given) }
    const findings = await this.answer.openFindings(TRIED_STEP_COLUMNS, stepRenderer(given.twice))
    const report = await this.session.watched((watcher) =>
      tryImage(request, watcher, {
        withRegistry: (work) => this.session.withRegistry(work),
        lookUp: (work) => this.session.lookUp(work),
        tell: findings.write,
        onVnc: (address) => this.answer.note(screenHint(address)),
      }),
    )
    await findings.end()
    await this.answer.note(trySentence(report))
    const error = errorIn(report)
    if (error !== undefined) process.exitCode = error.exit
    await this.answer.summary({ ...report, ...error?.toJSON() })
  }
}

/** Returns the error that determines the exit code, if there is one. */
function errorIn(report: TryReport): VdcError | undefined {
  return report.booted ? undefined : new VdcError('GUEST_NOT_BOOTED', `${report.guest} ${whyNotBooted(report)}`)
}
