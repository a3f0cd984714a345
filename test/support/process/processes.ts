import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

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

/** Returns the IDs of the processes that work in a folder, or one below it, even if that was removed. */
export function processesIn(folder: string): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.map(Number).filter((pid) => {
    try {
      return `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`)
    } catch {
      // It has ended.
      return false
    }
  })
}
