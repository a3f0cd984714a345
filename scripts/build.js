/*
 * Builds the program: bundles it into dist/, and then, as they are made from the
 * built commands, writes oclif.manifest.json and the manual.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { loadConfig } from 'rolldown/config'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('dist', { recursive: true, force: true })
await build(await loadConfig('rolldown.config.ts'))
// In processes of their own, which load what was built.
for (const script of ['manifest', 'manual'])
  execFileSync(process.execPath, [`scripts/${script}.js`], { stdio: 'inherit' })
