import { Args } from '@oclif/core'
import { BaseCommand, globalFlags } from '../cli/command/base-command.ts'
import { COMPLETION_SCRIPTS } from '../cli/completion/scripts.ts'

const SHELLS = Object.keys(COMPLETION_SCRIPTS)

export default class Completion extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Print a completion script for your shell.'
  static override description =
    'It completes commands, options, IDs and files. IDs come from the database if it answers quickly; nothing is written to it.\n\nTo install it for bash or zsh, add the line below to ~/.bashrc or ~/.zshrc (after compinit). For fish, write the script to ~/.config/fish/completions/vdc-manage.fish. You can also write it to _vdc-manage in a folder of fpath (zsh), or to ~/.local/share/bash-completion/completions/vdc-manage (with the bash-completion package).'
  static override examples = [
    'source <(<%= config.bin %> completion bash)',
    'source <(<%= config.bin %> completion zsh)',
    '<%= config.bin %> completion fish | source',
    '<%= config.bin %> completion fish > ~/.config/fish/completions/vdc-manage.fish',
  ]
  static override exits = [0, 1, 2, 3]
  static override args = {
    shell: Args.string({
      description: 'Your shell: bash, zsh or fish.',
      options: SHELLS,
      required: true,
      ignoreStdin: true,
    }),
  }

  async run(): Promise<void> {
    const { args } = await this.parse(Completion)
    await this.answer.text(COMPLETION_SCRIPTS[args.shell as keyof typeof COMPLETION_SCRIPTS])
  }
}
