import { Flags } from '@oclif/core'
import { screenHint } from '../../cli/answer/views/screen.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { accel } from '../../cli/flags/guest.ts'
import { shellWord } from '../../core/shell-word.ts'
import {
  ACCELERATIONS,
  INSTALL_MEMORY,
  INSTALL_SIZE,
  INSTALL_TIMEOUT,
  installImage,
  MACHINE_ARCHES,
  tryInstallImage,
} from '../../registry/image/install/install-image.ts'
import { PREPARED_FORMATS } from '../../registry/rules/values.ts'

export default class ImageInstall extends BaseCommand {
  static override summary = 'Install a guest from a CD and print the path of its disk.'
  static override description =
    'Boots a virtual machine from an ISO image, with an empty disk, and prints the command that shows its screen. Install the guest there. The command ends when the guest powers off or restarts; the new file appears then, and existing files are never overwritten. The guest gets its address by DHCP and reaches the networks of this host and, as 10.0.2.2, what listens on its loopback; with --offline it reaches nothing. VNC has no password: any user of this host can use a port, but only you can use the socket. Needs no root. Prepare the new image with image prepare afterwards.'
  static override examples = [
    '<%= config.bin %> image install debian-netinst.iso lucid.qcow2 --size 10G',
    '<%= config.bin %> image install centos.iso centos.raw --to raw \\\n  --memory 2048 --vnc 127.0.0.1:5901',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 130, 143]
  static override args = {
    iso: flags.path('ISO image of an installation CD.'),
    out: flags.path('New file.'),
  }
  static override flags = flags.grouped(
    { BOOT: ['accel', 'arch', 'memory', 'timeout', 'vnc', 'offline'], OUTPUT: ['dry-run'] },
    {
      accel: accel(ACCELERATIONS),
      arch: flags.choice('ARCH', MACHINE_ARCHES, 'Architecture', { value: 'x86_64' }),
      memory: Flags.integer({ helpValue: 'MIB', default: INSTALL_MEMORY, summary: 'Memory in MiB.' }),
      timeout: Flags.integer({
        helpValue: 'SECONDS',
        default: INSTALL_TIMEOUT,
        summary: 'Longest time until the guest powers off.',
      }),
      vnc: Flags.string({
        helpValue: 'WHERE',
        default: 'unix',
        summary: 'Show the screen with VNC: unix (a socket), or 127.0.0.1:PORT.',
      }),
      offline: Flags.boolean({ summary: 'Cut the guest off from all networks.' }),
      size: Flags.string({ helpValue: 'SIZE', default: INSTALL_SIZE, summary: 'Size of the disk.' }),
      to: flags.choice('FORMAT', PREPARED_FORMATS, 'Format of the new file', { value: 'qcow2' }),
      'dry-run': flags.dryRun(),
    },
    'STORAGE',
  )

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageInstall)
    const request = { ...args, ...flags.byColumn(given) }
    if (this.session.isDryRun) {
      this.session.wouldDo(await this.session.watched((watcher) => tryInstallImage(request, watcher)))
      return
    }
    const onVnc = (address: string) => this.answer.note(screenHint(address))
    const report = await this.session.makeOnce(request, () =>
      this.session.watched((watcher) => installImage(request, watcher, onVnc)),
    )
    if (this.answer.isAskedFor) return this.answer.thing(report)
    await this.answer.path(report.path)
    await this.answer.note(`Prepare it with: vdc-manage image prepare ${shellWord(report.path)} OUT`)
  }
}
