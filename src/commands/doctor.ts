import { Flags } from '@oclif/core'
import { CHECK_COLUMNS } from '../cli/answer/columns/check.ts'
import { BaseCommand } from '../cli/command/base-command.ts'
import { paint } from '../cli/terminal/color.ts'
import { printable } from '../cli/terminal/escape.ts'
import { wrapMessage } from '../cli/terminal/wrap.ts'
import { type Check, examine } from '../registry/doctor/run.ts'

/** Exit code if any check failed. */
const FAILED = 6
const COLORS = { ok: 'green', warning: 'yellow', failure: 'red' } as const
/** Characters of the longest name of a check. */
const NAME_WIDTH = 13
/** Cells for messages that a terminal must have beside the names for messages to be wrapped. */
const NARROWEST = 30

export default class Doctor extends BaseCommand {
  static override summary = 'Check settings, database, programs, folders and free space.'
  static override description =
    'Prints one line per check: ok, warning or failure, with a hint on how to fix it. All checks run, also after a failure; the exit code is 6 if any failed. Nothing is created, migrated or written. Only some commands need QEMU, libguestfs, or the programs that build images, so if these are missing, that is a warning. --json prints "ok" and the checks; with --columns, only the checks.'
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --deep',
    "<%= config.bin %> doctor | grep -A 1 -E '^(warning|failure)'",
    '<%= config.bin %> doctor --json | jq -r \'.checks[] | .name + ": " + .result\'',
  ]
  static override exits = [0, 1, 2, 6, 130, 143]

  static override flags = {
    deep: Flags.boolean({
      summary: 'Also start virtual machines, with KVM and with libguestfs (takes up to a minute).',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor)
    const { env, versions } = process
    const host = { env, nodeVersion: versions.node, deep: flags.deep }
    const findings = await this.answer.openFindings(CHECK_COLUMNS, lineOf)
    const examination = await this.session.interruptible((interruption) => examine(host, interruption, findings.write))
    await findings.end()
    if (!examination.ok) process.exitCode = FAILED
    await this.answer.summary(examination)
  }
}

function lineOf({ name, result, message, hint }: Check): string {
  const start = `${result.padEnd('warning'.length)}  ${name.padEnd(NAME_WIDTH)}  `
  const texts = [printable(message), ...(hint === undefined ? [] : [`Hint: ${printable(hint)}`])]
  const lines = texts.flatMap((text) => wrapped(text, start.length)).join(`\n${' '.repeat(start.length)}`)
  return start.replace(result, paint(process.stdout, COLORS[result], result)) + lines
}

/** Returns a text as lines that fit a terminal beside `indent` cells; as one line in a pipe or a narrow terminal. */
function wrapped(text: string, indent: number): string[] {
  const { isTTY, columns } = process.stdout
  const width = columns - indent
  return isTTY && width >= NARROWEST ? wrapMessage(text, width).split('\n') : [text]
}
