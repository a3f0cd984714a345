import { format, stripVTControlCharacters } from 'node:util'
import { type Command, CommandHelp, Help, type Interfaces } from '@oclif/core'
import { ENVIRONMENT, FILES, SHELL } from './about.ts'
import { hasColors } from './color.ts'
import { EXIT_STATUS } from './exit-status.ts'
import { writeOut } from './output.ts'

type CommandWithExits = Command.Loadable & { exits?: number[] }

/** What stands in the help before a flag that has no short form, where others have one. */
const NO_SHORT_FORM = ' '.repeat('-n, '.length)

/**
 * A flag of which oclif's usage tells nothing false: it would show what excludes
 * several others as a choice of one of them all, and what needs another as what
 * goes only with it, such as `--account-id` only with `--owned`.
 */
function withoutFalseGroups<T extends Command.Flag.Cached>(flag: T): T {
  const { dependsOn: _, exclusive, ...rest } = flag
  return { ...rest, ...(exclusive?.length === 1 && { exclusive }) } as T
}

/** oclif's help of a command, with its exit codes; the manual is made of it as well. */
export class CommandHelpWithExits extends CommandHelp {
  /** The usage names what is the command's own; how it answers stands below. */
  protected override defaultUsage(): string {
    const { flags } = this.command
    this.command.flags = Object.fromEntries(
      Object.entries(flags)
        .filter(([, { helpGroup }]) => helpGroup === undefined)
        .map(([name, flag]) => [name, withoutFalseGroups(flag)]),
    )
    try {
      return super.defaultUsage()
    } finally {
      this.command.flags = flags
    }
  }

  /** oclif trims a list, and so moves a first flag without a short form out of line. */
  override section(...[header, body]: Parameters<CommandHelp['section']>): string {
    const text = super.section(header, body)
    const first = Array.isArray(body) ? body[0] : undefined
    const isMoved = Array.isArray(first) && stripVTControlCharacters(first[0] ?? '').startsWith(NO_SHORT_FORM)
    return isMoved ? text.replace(/\n {2}(?! )/, `\n  ${NO_SHORT_FORM}`) : text
  }

  protected override sections(): ReturnType<CommandHelp['sections']> {
    const exits = (this.command as CommandWithExits).exits ?? []
    const body = exits.map((code): [string, string | undefined] => [String(code), EXIT_STATUS[code]])
    return [...super.sections(), { header: 'EXIT STATUS', generate: (_, header) => [{ header, body }] }]
  }
}

/** oclif's help, with a section on the exit codes of each command. */
export default class VdcHelp extends Help {
  protected override CommandHelpClass = CommandHelpWithExits
  #text = ''

  /** @throws VdcError OUTPUT_FAILED; oclif doesn't look whether it could be written. */
  override async showHelp(argv: string[]): Promise<void> {
    await super.showHelp(argv)
    await writeOut(hasColors(process.stdout) ? this.#text : stripVTControlCharacters(this.#text))
  }

  protected override log(...args: string[]): void {
    this.#text += `${format(...args)}\n`
  }

  /** The program's own help also says where the database is looked for. */
  protected override async showRootHelp(): Promise<void> {
    await super.showRootHelp()
    this.log(`${this.section('SHELL', SHELL)}\n`)
    this.log(`${this.section('ENVIRONMENT', ENVIRONMENT)}\n\n${this.section('FILES', FILES)}\n`)
  }

  /*
   * oclif respells the names of what it shows in place, after which the rest of
   * a session in the shell would not find them: so it gets copies.
   */
  protected override formatCommand(command: Command.Loadable): string {
    return super.formatCommand({ ...command })
  }

  protected override formatCommands(commands: Command.Loadable[]): string {
    return super.formatCommands(commands.map((command) => ({ ...command })))
  }

  protected override formatTopics(topics: Interfaces.Topic[]): string {
    return super.formatTopics(topics.map((topic) => ({ ...topic })))
  }

  /** Lists each command once; its aliases stand in its own help. */
  protected override get sortedCommands(): Command.Loadable[] {
    return super.sortedCommands.filter((command) => !command.aliases.includes(command.id))
  }
}
