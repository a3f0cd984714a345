import { BaseCommand, globalFlags } from '../../cli/command/base-command.ts'
import { EXAMPLE } from '../../registry/metadata/example.ts'

export default class MetadataExample extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Print an instance file for metadata serve.'
  static override description =
    'Prints YAML with all keys and comments. Every key can be left out and then has a default. See: vdc-manage help metadata'
  static override examples = [
    '<%= config.bin %> metadata example > web1.yaml',
    '<%= config.bin %> metadata example | <%= config.bin %> metadata serve --instance /dev/stdin',
  ]
  static override exits = [0, 1, 2]

  async run(): Promise<void> {
    await this.parse(MetadataExample)
    await this.answer.text(EXAMPLE)
  }
}
