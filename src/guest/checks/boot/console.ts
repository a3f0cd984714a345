import { kernelLines } from '../../parsers/boot-config.ts'
import { linesOf } from '../../parsers/lines.ts'
import { enabledUnits } from '../../parsers/systemd.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { GuestCheck } from '../check.ts'

const SERIAL = /^console=tty(?:S|AMA)\d/

export const serialConsole: GuestCheck = {
  id: 'boot.console',
  severity: 'warning',
  requirement: 'The kernel or a login prompt uses the serial console.',
  looksAt:
    '`console=` in the configuration of GRUB, GRUB 2, SYSLINUX and boot loader entries, `/etc/inittab`, serial-getty',
  remedy: 'Add console=ttyS0 to the kernel command line, for example in /etc/default/grub, and run update-grub.',

  async *run({ files }) {
    const lines = await kernelLines(files)
    if (lines.some(({ words }) => words.some((word) => SERIAL.test(word)))) return
    if (linesOf((await files.text('/etc/inittab')) ?? '').some(({ text }) => /\bttyS\d/.test(text))) return
    if ((await files.matching('/etc/init', /^ttyS\d.*\.conf$/)).length > 0) return
    for (const unit of await enabledUnits(files)) if (/^serial-getty@ttyS\d/.test(unit)) return
    const [first] = lines
    if (first === undefined) throw new Undecided('no configuration of a boot loader was found')
    yield { message: 'no serial console', path: first.path, line: first.line }
  },
}
