/*
 * Writes oclif.manifest.json from the built commands: with it, the program knows all
 * commands and flags at start without loading any. `--stdout` prints it instead.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Plugin } from '@oclif/core'
import { COMMANDS } from '../dist/program.cjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The package with the commands of the bundle, where oclif would look for a file of each. */
class Built extends Plugin {
  async getCommandIDs() {
    return Object.keys(COMMANDS)
  }
  async findCommand(id) {
    const { default: command } = await COMMANDS[id]()
    return Object.assign(command, { id, plugin: this })
  }
}

const plugin = new Built({ root, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true })
await plugin.load()
// In an order of its own, not in that of the folders of this machine.
const commands = Object.fromEntries(Object.entries(plugin.manifest.commands).sort(([a], [b]) => (a < b ? -1 : 1)))
const manifest = `${JSON.stringify({ ...plugin.manifest, commands }, null, 2)}\n`
if (process.argv.includes('--stdout')) process.stdout.write(manifest)
else writeFileSync(`${root}/oclif.manifest.json`, manifest)
