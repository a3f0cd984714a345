/*
 * Generates oclif.manifest.json from the built commands. It describes all commands and flags, so
 * that the program can start without loading them. `--stdout` prints it instead of writing the file.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Plugin } from '@oclif/core'
import { COMMANDS } from '../dist/program.cjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The package, with commands from the bundle. oclif would look for one file per command. */
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
// Sorted, because the order of folders differs between machines.
const commands = Object.fromEntries(Object.entries(plugin.manifest.commands).sort(([a], [b]) => (a < b ? -1 : 1)))
const manifest = `${JSON.stringify({ ...plugin.manifest, commands }, null, 2)}\n`
if (process.argv.includes('--stdout')) process.stdout.write(manifest)
else writeFileSync(`${root}/oclif.manifest.json`, manifest)
