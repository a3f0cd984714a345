import { Flags } from '@oclif/core'
import { BaseCommand, globalFlags } from '../cli/command/base-command.ts'

export default class Shell extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Run commands from a script or a terminal.'
  static override description =
    'Runs all commands over one connection. vdc-manage without a command does the same. At a terminal, it has a prompt, line editing, a history and completion; from a pipe or a file, it prints only what the commands print.'
  static override examples = [
    '<%= config.bin %>',
    '<%= config.bin %> -e < images.txt',
    '<%= config.bin %> -f images.txt --tx bulk',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 130, 143]
  static override flags = {
    file: Flags.string({ char: 'f', helpValue: 'FILE', summary: 'Read commands from a file; - is stdin.' }),
    'exit-on-error': Flags.boolean({
      char: 'e',
      summary: 'Stop at the first error, with its exit code. Default: run all lines, and exit with 9 if any failed.',
    }),
    tx: Flags.string({
      helpValue: 'MODE',
      options: ['each', 'bulk', 'none'],
      default: 'each',
      aliases: ['tx-mode'],
      summary: 'When to commit: each, bulk or none (see TRANSACTIONS).',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Shell)
    const { runShell } = await import('../cli/shell/shell.ts')
    await runShell(this.program, {
      file: flags.file,
      exitOnError: flags['exit-on-error'],
      tx: flags.tx as 'each' | 'bulk' | 'none',
    })
  }
}
