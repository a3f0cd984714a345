/*
 * Writes the manual of the built commands: man pages to man/, a page of Markdown
 * each to docs/commands/, and the list of the man pages to package.json, without
 * which npm does not install them. Files that are no part of it go away.
 *
 *     node scripts/manual.js [FOLDER]: writes below FOLDER instead.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderMarkdown } from './manual/markdown.js'
import { readManual } from './manual/model.js'
import { renderManPages } from './manual/roff.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = process.argv[2] ?? root
const manual = await readManual(root)

const manPages = renderManPages(manual)
writePages(join(target, 'man'), manPages)
writePages(join(target, 'docs/commands'), renderMarkdown(manual))

const description = readFileSync(join(root, 'package.json'), 'utf8')
const listed = { ...JSON.parse(description), man: [...manPages.keys()].map((name) => `man/${name}`) }
const text = `${JSON.stringify(listed, null, 2)}\n`
if (target !== root || text !== description) writeFileSync(join(target, 'package.json'), text)

/** Makes a folder hold these pages and nothing else. */
function writePages(folder, pages) {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) if (!pages.has(name)) rmSync(join(folder, name))
  for (const [name, page] of pages) writeFileSync(join(folder, name), page)
}
