import { type Command, CommandHelp, Help } from '@oclif/core'
import { EXIT_STATUS } from './exit-status.ts'

type CommandWithExits = Command.Loadable & { exits?: number[] }

class CommandHelpWithExits extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const exits = (this.command as CommandWithExits).exits ?? []
    const body = exits.map((code): [string, string | undefined] => [String(code), EXIT_STATUS[code]])
    return [...super.sections(), { header: 'EXIT STATUS', generate: (_, header) => [{ header, body }] }]
  }
}

/** oclif's help, with a section on the exit codes of each command. */
export default class VdcHelp extends Help {
  protected override CommandHelpClass = CommandHelpWithExits

  /** Lists each command once; its aliases stand in its own help. */
  protected override get sortedCommands(): Command.Loadable[] {
    return super.sortedCommands.filter((command) => !command.aliases.includes(command.id))
  }
}
