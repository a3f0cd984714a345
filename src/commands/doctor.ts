import { BaseCommand } from '../cli/base-command.ts'
import { paint } from '../cli/color.ts'
import { CHECK_COLUMNS } from '../cli/columns/check.ts'
import { printable } from '../cli/printable.ts'
import { type Check, examine } from '../registry/doctor/examine.ts'

/** Exit code when anything failed. */
const NOT_WELL = 6
const COLORS = { ok: 'green', warning: 'yellow', failure: 'red' } as const
/** Characters of the longest name. */
const WIDTH = 13

export default class Doctor extends BaseCommand {
  static override summary = 'Check all that the program needs: settings, database, qemu-img, folders and space.'
  static override description =
    'A line each tells what is ok, what is a warning and what a failure, and with a hint the way out; after a failure it goes on. Nothing is created, migrated or written. With any failure the exit code is 6. --json tells ok and the checks, with --columns the checks alone.'
  static override examples = [
    '<%= config.bin %> doctor',
    "<%= config.bin %> doctor | grep -A 1 -E '^(warning|failure)'",
    '<%= config.bin %> doctor --json | jq -r \'.checks[] | .name + ": " + .result\'',
  ]
  static override exits = [0, 1, 2, 6, 130, 143]

  async run() {
    await this.parse(Doctor)
    const { env, versions } = process
    const surroundings = { env, nodeVersion: versions.node }
    const findings = await this.answer.openFindings(CHECK_COLUMNS, lineOf)
    const examination = await this.interruptible((interruption) => examine(surroundings, interruption, findings.write))
    await findings.end()
    if (!examination.ok) process.exitCode = NOT_WELL
    return examination
  }
}

function lineOf({ name, result, message, hint }: Check): string {
  const start = `${result.padEnd('warning'.length)}  ${name.padEnd(WIDTH)}  `
  const way = hint === undefined ? '' : `\n${' '.repeat(start.length)}Hint: ${printable(hint)}`
  return start.replace(result, paint(process.stdout, COLORS[result], result)) + printable(message) + way
}
