import { Flags } from '@oclif/core'
import { BaseCommand, globalFlags } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { printedScript, SCRIPT_SYSTEMS, type ScriptSystemName } from '../../registry/image/guest-script.ts'

export default class GuestScript extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Print a metadata script for guests.'
  static override description =
    'A guest runs the script at boot. It gets the metadata of the instance, and sets the host name and SSH keys, grows the root filesystem, and runs user-data. Comments at its start say how to install it. Images with cloud-init need no script.\n\nFor Rocky, Alma, RHEL and Fedora, use centos. See: vdc-manage help metadata'
  static override examples = [
    '<%= config.bin %> guest script --for debian > vdc-metadata',
    '<%= config.bin %> guest script --for debian --host-keys > vdc-hostkeys',
  ]
  static override exits = [0, 1, 2, 3]
  static override flags = {
    for: {
      ...flags.choice(
        'SYSTEM',
        SCRIPT_SYSTEMS.map(([name]) => name),
        'Operating system of the guest',
      ),
      required: true,
    },
    'host-keys': Flags.boolean({ summary: 'Print the script that makes SSH host keys instead.' }),
  }

  async run(): Promise<void> {
    const { flags: given } = await this.parse(GuestScript)
    const options = { isForHostKeys: given['host-keys'] }
    await this.answer.text(printedScript(given.for as ScriptSystemName, options))
  }
}
