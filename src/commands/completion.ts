import { Args } from '@oclif/core'
import { BaseCommand, globalFlags } from '../cli/base-command.ts'
import { COMPLETION_SCRIPTS } from '../cli/completion/scripts.ts'

const SHELLS = Object.keys(COMPLETION_SCRIPTS)

export default class Completion extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Print a script by which a shell completes commands, options, ids and files.'
  static override description =
    'Ids of images, accounts, backup objects and storages come from the database, as far as it answers at once; nothing is ever written to it. For good: add the line for bash or zsh below to ~/.bashrc or ~/.zshrc (behind compinit, where that is there), or write what is printed to ~/.config/fish/completions/vdc-manage.fish for fish, to _vdc-manage in a folder of fpath for zsh, or with the package bash-completion to ~/.local/share/bash-completion/completions/vdc-manage.'
  static override examples = [
    'source <(<%= config.bin %> completion bash)',
    'source <(<%= config.bin %> completion zsh)',
    '<%= config.bin %> completion fish | source',
    '<%= config.bin %> completion fish > ~/.config/fish/completions/vdc-manage.fish',
  ]
  static override exits = [0, 1, 2, 3]
  static override args = {
    shell: Args.string({ description: 'The shell.', options: SHELLS, required: true, ignoreStdin: true }),
  }

  async run() {
    const { args } = await this.parse(Completion)
    await this.answer.text(COMPLETION_SCRIPTS[args.shell as keyof typeof COMPLETION_SCRIPTS])
  }
}
