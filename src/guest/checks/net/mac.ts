import { linesOf } from '../../parsers/lines.ts'
import { networkConfig, withoutMacs } from '../../parsers/network/index.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { Finding, GuestCheck } from '../check.ts'
import { unknownBy } from '../each.ts'

const RULES = '/etc/udev/rules.d/70-persistent-net.rules'
const GENERATOR = '75-persistent-net-generator.rules'

export const mac: GuestCheck = {
  id: 'net.mac',
  severity: 'error',
  requirement: 'No network configuration depends on the MAC address of one card.',
  looksAt: `ifcfg files, \`/etc/network/interfaces\`, netplan, NetworkManager, systemd-networkd, \`${RULES}\`, \`${GENERATOR}\``,
  remedy: `Remove the address, and link ${RULES} to /dev/null.`,
  prepares: `Removes the addresses from the files, and links \`${RULES}\` to /dev/null.`,

  async *run({ files }) {
    const { settings, unknown } = await networkConfig(files)
    for (const { kind, path, line, value, isGenerated } of settings)
      if (kind === 'mac')
        yield {
          ...(isGenerated && { result: 'warning' }),
          message: 'the configuration names the MAC address of a card',
          path,
          line,
          value,
        }
    for (const error of unknown) yield unknownBy(error)
    yield* udevFindings(files)
  },

  async *prepare({ files }) {
    for await (const { path, text } of withoutMacs(files))
      yield { action: 'write', path, text, what: 'without the MAC address' }
    // A link to /dev/null also keeps the generator from writing rules.
    for await (const _ of udevFindings(files)) {
      yield { action: 'link', path: await files.placeFor(RULES), target: '/dev/null' }
      return
    }
  },
}

async function* udevFindings(files: GuestFiles): AsyncGenerator<Finding> {
  const rules = await files.findLink(RULES)
  const target = await files.leadsTo(RULES)
  if (target === '/dev/null') return
  if (rules?.stat.kind === 'link' && !(await files.exists(RULES))) {
    yield {
      result: 'warning',
      message: 'the link does not lead to /dev/null',
      path: RULES,
      value: await files.leadsTo(RULES),
    }
    return
  }
  for (const { number, text } of linesOf((await files.text(RULES)) ?? ''))
    if (/ATTRS?\{address\}|SYSFS\{address\}/.test(text)) {
      const value = /(?:ATTRS?|SYSFS)\{address\}\s*==?\s*"[^"]*"/.exec(text)?.[0] ?? text
      yield { message: 'a udev rule names the MAC address of a card', path: RULES, line: number, value }
    }
  const generator = await generatorOf(files)
  if (generator !== undefined)
    yield { result: 'warning', message: 'udev will record the MAC address of the first instance', path: generator }
}

/** Returns the path of the rules that write 70-persistent-net.rules, unless they are masked (udev(7)). */
async function generatorOf(files: GuestFiles): Promise<string | undefined> {
  for (const folder of ['/etc/udev/rules.d', '/usr/lib/udev/rules.d', '/lib/udev/rules.d']) {
    const path = `${folder}/${GENERATOR}`
    if ((await files.findLink(path)) === undefined) continue
    return (await files.text(path))?.trim() ? path : undefined
  }
  return undefined
}
