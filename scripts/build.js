/*
 * Builds the program: bundles it into dist/, then generates oclif.manifest.json and the manual
 * from the built commands.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { loadConfig } from 'rolldown/config'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('dist', { recursive: true, force: true })
await build(await loadConfig('rolldown.config.ts'))
// In separate processes, which load the new build.
for (const script of ['manifest', 'manual'])
  execFileSync(process.execPath, [`scripts/${script}.js`], { stdio: 'inherit' })
