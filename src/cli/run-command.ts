import type { Config } from '@oclif/core'
import type { AnsweringCommand } from './answering-command.ts'

type CommandClass = new (argv: string[], config: Config) => AnsweringCommand

/** The classes that were loaded, by the ids of their commands. */
const classes = new Map<string, CommandClass>()

/**
 * Runs a command, and sets the process's exit code. oclif's own `config.runCommand`
 * reads the package and its manifest anew for each, and asks for plugins' hooks,
 * which would be half of what a line of the shell costs.
 *
 * @param id of a command that there is.
 */
export async function runCommand(config: Config, id: string, argv: readonly string[]): Promise<void> {
  let Class = classes.get(id)
  if (Class === undefined) {
    Class = (await config.findCommand(id, { must: true }).load()) as unknown as CommandClass
    classes.set(id, Class)
  }
  await new Class([...argv], config).execute()
}
