import { requestLine } from '../../cli/answer/views/metadata-request.ts'
import { BaseCommand, globalFlags } from '../../cli/command/base-command.ts'
import { byColumn } from '../../cli/flags/common.ts'
import { metadataServe } from '../../cli/flags/metadata.ts'
import { boundedLog } from '../../cli/terminal/log.ts'
import { DEFAULT_LISTEN, IMDS_V2, serveMetadata } from '../../registry/metadata/serve-metadata.ts'

export default class MetadataServe extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Serve metadata to instances, as Wakame-vdc and EC2 do.'
  static override description =
    'Answers over HTTP with the names of releases 11.06 and 16.1. Serves one instance if options or a file describe it. Otherwise, it reads the database of Wakame-vdc: a caller is found by its source address among the running instances, and is told only about itself; others get 404. Nothing is written.\n\nPrints its URL to stdout once it listens, and a line per request to stderr. Ctrl-C or SIGTERM ends it with exit code 0. If the database fails, requests get 503 until it works again.\n\nSee: vdc-manage help metadata'
  static override examples = [
    '<%= config.bin %> metadata serve --hostname web1 --authorized-key key.pub',
    '<%= config.bin %> metadata example > web1.yaml\n<%= config.bin %> metadata serve --instance web1.yaml --listen unix:/tmp/web1.sock',
    '<%= config.bin %> metadata serve --instance-id i-k3x9q0bz',
    'sudo <%= config.bin %> metadata serve --listen 169.254.169.254:80 --allow-remote',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7]
  static override flags = metadataServe(DEFAULT_LISTEN, IMDS_V2)

  async run(): Promise<void> {
    const { flags } = await this.parse(MetadataServe)
    const log = boundedLog()
    await this.session.interruptible((interruption) =>
      serveMetadata(byColumn(flags), interruption, {
        withRegistry: (work) => this.session.withRegistry(work, { isReadOnly: true }),
        onListening: (url) => this.answer.text(`${url}\n`),
        onRequest: (request) => log(requestLine(request)),
        warn: (text) => void this.answer.warning(text),
      }),
    )
  }
}
