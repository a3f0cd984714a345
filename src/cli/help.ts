import { type Command, CommandHelp, Help } from '@oclif/core'
import { EXIT_STATUS } from './exit-status.ts'

const ENVIRONMENT: [string, string][] = [
  [
    'VDC_MANAGE_DATABASE_URI',
    'The database: mysql://user@host:3306/wakame_dcmgr or sqlite:///absolute/path. Default: database_uri of dcmgr.conf, else an SQLite file of yours.',
  ],
  ['CONF_PATH', 'The dcmgr.conf to read instead of that below /etc.'],
]
const FILES: [string, string][] = [
  ['/etc/wakame-vdc/dcmgr.conf', 'Settings of an installation of Wakame-vdc.'],
  ['~/.local/share/vdc-manage/registry.sqlite', 'The embedded registry, made on first use.'],
]

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

  /** The program's own help also says where the database is looked for. */
  protected override async showRootHelp(): Promise<void> {
    await super.showRootHelp()
    this.log(`${this.section('ENVIRONMENT', ENVIRONMENT)}\n\n${this.section('FILES', FILES)}\n`)
  }

  /** Lists each command once; its aliases stand in its own help. */
  protected override get sortedCommands(): Command.Loadable[] {
    return super.sortedCommands.filter((command) => !command.aliases.includes(command.id))
  }
}
