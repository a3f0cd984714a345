import type { Facts, Sign } from './facts.ts'
import { type Case, failed, notSeen, ok, type Verdict } from './verdict.ts'

const NOTHING = 'nothing on the console'
/** What SeaBIOS prints before it starts a disk. */
const FIRMWARE_ENDS = /^Booting from Hard Disk/

/** Whether and when the guest used its network, which a system must have done. */
function firstPacket({ dhcp, foreign, metadata }: Facts): number | undefined {
  const moments = [dhcp.asked, foreign[0]?.at, metadata.firstAsked].filter((at) => at !== undefined)
  return moments.length === 0 ? undefined : Math.min(...moments)
}

/** Whether the firmware, which prints on the serial console what boot loaders print, is the last that was heard. */
export function isFirmwareLast(facts: Facts): boolean {
  return FIRMWARE_ENDS.test(facts.lastLine ?? '') && firstPacket(facts) === undefined
}

/** Returns a sign of the kernel or of what it started. */
function started({ console, ...facts }: Facts): Sign | undefined {
  const sign = console.kernel ?? console.panic ?? console.stuck ?? console.system
  const packet = firstPacket({ console, ...facts })
  return sign ?? (packet === undefined ? undefined : { at: packet, text: 'not on the console, but it sent packets' })
}

/** Judges the boot loader. */
export function loader({ facts, isOver }: Case): Verdict {
  const { loader: seen, 'loader-failure': failure, 'loader-error': error } = facts.console
  const next = started(facts)
  if (next !== undefined) return ok(seen?.at ?? next.at, seen?.text ?? 'not on the console, but it started a kernel')
  const detail = error === undefined ? '' : `: ${error.text}`
  if (failure !== undefined) return failed(failure.at, `${failure.text}${detail}`)
  if (seen === undefined) {
    const isSilent = isOver && isFirmwareLast(facts)
    return isSilent ? failed(undefined, 'the firmware started the disk, and nothing followed') : notSeen(NOTHING)
  }
  return isOver && error !== undefined ? failed(error.at, `${seen.text}${detail}`) : ok(seen.at, seen.text)
}

/** Judges the kernel. */
export function kernel({ facts }: Case): Verdict {
  const { kernel: seen, panic } = facts.console
  if (panic !== undefined) return failed(panic.at, `${seen?.text ?? 'the kernel'} panicked: ${panic.text}`)
  if (seen !== undefined) return ok(seen.at, seen.text)
  const next = started(facts)
  return next === undefined ? notSeen(NOTHING) : ok(next.at, 'not on the console, but it runs')
}

/** Judges init and what it starts. */
export function system({ facts, isOver }: Case): Verdict {
  const { system: seen, stuck, panic } = facts.console
  if (stuck !== undefined) return failed(stuck.at, stuck.text)
  if (seen !== undefined) return ok(seen.at, seen.text)
  const packet = firstPacket(facts)
  const words = isOver ? 'not on the console, but it uses the network' : 'uses the network'
  if (packet !== undefined && panic === undefined) return ok(packet, words)
  const { lastLine } = facts
  const end = lastLine === undefined || panic !== undefined ? '' : `; the console ends with: ${lastLine}`
  return notSeen(`no sign of init or a login prompt${isOver ? end : ''}`)
}

/** Returns the moment at which a guest stopped before it had booted; undefined if it did not. */
export function death({
  console: { panic, stuck, kernel, system, 'loader-failure': failure },
}: Facts): number | undefined {
  const isBooting = kernel !== undefined || system !== undefined
  return (panic ?? stuck ?? (isBooting ? undefined : failure))?.at
}

/** Judges how the virtual machine ended. */
export function powerOff({ facts: { end } }: Case): Verdict {
  switch (end?.how) {
    case 'powered-off':
      return ok(end.at, 'on request')
    case 'by-itself':
      return failed(end.at, 'the guest powered off before it was asked to')
    case 'reset':
      return failed(end.at, 'the guest restarted')
    case 'killed':
      return failed(end.at, 'the guest did not power off, and was stopped')
    default:
      return notSeen('not asked, because no running system was seen')
  }
}
