/*
 * Prints the copyright file of the Debian package, in Debian's machine-readable format: the
 * licences of vdc-manage, of the packages whose code is in the bundle, and of libsql's binary.
 *
 *     node scripts/copyright.js FOLDER: the binary's package.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { loadConfig } from 'rolldown/config'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

/** Debian's names of licences that differ from npm's. */
const NAMES = { MIT: 'Expat' }
/** Licences whose text is part of every Debian system and must not be repeated. */
const COMMON = { 'Apache-2.0': 'On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0.' }

const [binary] = process.argv.slice(2)

const ours = readLicence('.')
console.log(
  paragraph({
    Format: 'https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name': 'vdc-manage',
    Comment: lines([
      '/usr/lib/vdc-manage/dist contains the code of vdc-manage and of the packages from the npm',
      'registry that are named below by their folders in node_modules. The binary of libsql contains',
      'SQLite, which is in the public domain; its source is https://github.com/tursodatabase/libsql-js.',
    ]),
  }),
)
console.log(
  paragraph({
    Files: '*',
    Copyright: /^Copyright \(c\) (.*)$/m.exec(ours)[1],
    License: lines(['Expat', ...ours.split('\n')]),
  }),
)
// Sorted, because the last paragraph that matches a path counts.
for (const folder of [...(await bundledPackages()), binary].sort()) {
  const { license, author } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  const text = COMMON[license] ?? readLicence(folder)
  const holders = [...text.matchAll(/^\W*Copyright (?!and )(?:\(c\) |© )?(.*)$/gm)].map(([, holder]) => holder)
  console.log(
    paragraph({
      Files: `${folder}/*`,
      Copyright: lines(holders.length > 0 ? holders : [author.name ?? author]),
      License: lines([NAMES[license] ?? license, ...text.split('\n')]),
    }),
  )
}

/** Returns the folders of the packages with code in the bundle. */
async function bundledPackages() {
  const bundles = await build((await loadConfig('rolldown.config.ts')).map((bundle) => ({ ...bundle, write: false })))
  const modules = bundles.flatMap(({ output }) => output.flatMap(({ moduleIds }) => moduleIds))
  const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0] ?? [])
  return new Set(folders.map((folder) => relative('', folder)))
}

/** Reads the licence of a package. The binary's package has no licence file; it is built from libsql's repository. */
function readLicence(folder) {
  const owner = folder === binary ? 'node_modules/libsql' : folder
  const name = readdirSync(owner).find((file) => /^licen[cs]e/i.test(file))
  if (name === undefined) throw new Error(`${owner} has no licence file`)
  return readFileSync(`${owner}/${name}`, 'utf8').replaceAll('\r', '').trim()
}

/** Formats the lines of a field: all but the first start with a space, and empty ones are a dot. */
function lines([first, ...others]) {
  return [first, ...others.map((line) => ` ${line.trim() === '' ? '.' : line.trim()}`)].join('\n')
}

/** Formats a paragraph of fields, followed by an empty line. */
function paragraph(fields) {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')
}
