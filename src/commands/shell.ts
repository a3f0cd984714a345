import { Flags } from '@oclif/core'
import { BaseCommand, globalFlags } from '../cli/base-command.ts'

export default class Shell extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Run commands from a script or a terminal, over one connection.'
  static override description =
    'It is what vdc-manage is without a command. At a terminal it has a prompt, a history and completion; from a pipe or a file it prints nothing of its own. A \\ at the end of a line goes on in the next, # begins a comment, quotes work as in sh, exit and quit end it. A line may begin with vdc-manage, as in help; pipes and redirections belong to the shell of the system. --tx each commits every line by itself, bulk all lines together or, after any error, none; none commits every statement by itself. With bulk, ids are printed after the commit.'
  static override examples = [
    '<%= config.bin %>',
    "grep -v '\\s*#' images.txt | <%= config.bin %> -e",
    '<%= config.bin %> -f images.txt --tx bulk',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 130, 143]
  static override flags = {
    file: Flags.string({ char: 'f', helpValue: 'FILE', summary: 'Read the commands from this file; - is stdin.' }),
    'exit-on-error': Flags.boolean({
      char: 'e',
      summary: 'End at the first error, with its exit code. Default: run the others too, and exit with 9.',
    }),
    tx: Flags.string({
      options: ['each', 'bulk', 'none'],
      default: 'each',
      aliases: ['tx-mode'],
      summary: 'When what was changed is committed.',
    }),
  }

  async run() {
    const { flags } = await this.parse(Shell)
    const { runShell } = await import('../cli/shell/shell.ts')
    await runShell(this.program, {
      file: flags.file,
      exitOnError: flags['exit-on-error'],
      tx: flags.tx as 'each' | 'bulk' | 'none',
    })
  }
}
