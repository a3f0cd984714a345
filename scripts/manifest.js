/*
 * Writes oclif.manifest.json from the built commands: with it, oclif knows all
 * commands and flags at start without loading any. `--stdout` prints it instead.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Config } from '@oclif/core'

const root = fileURLToPath(new URL('..', import.meta.url))
const config = await Config.load({ root, ignoreManifest: true, devPlugins: false, userPlugins: false })
const plugin = [...config.plugins.values()].find(({ isRoot }) => isRoot)
if (plugin === undefined) throw new Error('the package itself was not found')
const manifest = `${JSON.stringify(plugin.manifest, null, 2)}\n`
if (process.argv.includes('--stdout')) process.stdout.write(manifest)
else writeFileSync(`${root}/oclif.manifest.json`, manifest)
