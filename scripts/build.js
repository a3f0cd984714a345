/*
 * Builds the program: bundles it into dist/, and then, as the manifest is made
 * from the built commands, writes oclif.manifest.json.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { loadConfig } from 'rolldown/config'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
await build(await loadConfig('rolldown.config.ts'))
// In a process of its own, which finds the commands as the program will.
execFileSync(process.execPath, ['scripts/manifest.js'], { stdio: 'inherit' })
