/*
 * Generates the manual of the built commands: man pages in man/, Markdown pages in docs/commands/,
 * docs/errors.md, docs/image-checks.md, and the list of man pages in package.json, which npm needs to install them.
 * Removes other files from man/ and docs/commands/.
 *
 *     node scripts/manual.js [FOLDER]: writes to FOLDER instead of the project.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderChecks, renderErrors, renderMarkdown } from './manual/markdown.js'
import { readManual } from './manual/model.js'
import { renderManPages } from './manual/roff.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = process.argv[2] ?? root
const manual = await readManual(root)

const manPages = renderManPages(manual)
writePages(join(target, 'man'), manPages)
writePages(join(target, 'docs/commands'), renderMarkdown(manual))
writeFileSync(join(target, 'docs/errors.md'), renderErrors(manual))
writeFileSync(join(target, 'docs/image-checks.md'), renderChecks(manual))

const description = readFileSync(join(root, 'package.json'), 'utf8')
const listed = { ...JSON.parse(description), man: [...manPages.keys()].map((name) => `man/${name}`) }
const text = `${JSON.stringify(listed, null, 2)}\n`
if (target !== root || text !== description) writeFileSync(join(target, 'package.json'), text)

/** Writes pages to a folder, and removes all other files from it. */
function writePages(folder, pages) {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) if (!pages.has(name)) rmSync(join(folder, name))
  for (const [name, page] of pages) writeFileSync(join(folder, name), page)
}
