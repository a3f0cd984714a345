import { readdirSync, readFileSync } from 'node:fs'

/** Returns the IDs of the processes whose command line holds all of some texts. */
export function processesWith(...texts: string[]): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.map(Number).filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      return texts.every((text) => command.includes(text))
    } catch {
      // It has ended.
      return false
    }
  })
}
