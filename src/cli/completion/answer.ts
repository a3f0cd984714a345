import { setTimeout as sleep } from 'node:timers/promises'
import { monotonicTime } from '../../core/clock.ts'
import { splitLine } from '../shell/words.ts'
import { Program } from '../start/program.ts'
import { usedParts } from '../start/used-parts.ts'
import { printable } from '../terminal/escape.ts'
import { type Candidate, candidatesFor, type FindIds } from './candidates.ts'

/** Milliseconds from the start of the process after which it ends: the answer is to be there within 300. */
const END = 270
/** What the database is given in any case, in proportion to how long the processor took to load all. */
const LEAST = 0.6
/** Milliseconds to wait for another process's lock on an SQLite file, with nothing else done meanwhile. */
const LOCKED = 80
const GOODBYE = 20

/**
 * Answers the scripts of `vdc-manage completion`: prints `files` or `words`,
 * whether the shell shall offer files as well, and then a line a word that fits,
 * with what it is after a tab. Whatever goes wrong, it says nothing, and it
 * writes nothing. oclif is not loaded, which takes longer than all else here.
 *
 * @param argv the shell; `--`; for bash the characters at which it breaks words
 *   and the line up to the cursor, for the others the words up to the cursor
 *   without the program's.
 * @param root the folder of the package.
 */
export async function answerCompletion(argv: readonly string[], root: string): Promise<never> {
  usedParts.add('completion')
  process.stdout.on('error', () => {})
  try {
    process.stdout.write(await answerTo(argv[0] ?? '', argv.slice(2), root))
  } catch {
    // Somebody is typing: no place for an error.
  }
  // What a server still owes us is not waited for.
  process.exit(0)
}

async function answerTo(shell: string, typed: readonly string[], root: string): Promise<string> {
  const { before, word, cut } = shell === 'bash' ? fromLine(typed) : fromWords(typed)
  const ids: FindIds = (...wanted) => findIds(...wanted).catch(() => [])
  const { words, files } = await candidatesFor(new Program(root, {}), ids, before, word)
  const lines = words.map(({ value, about }) => {
    const text = printable(value).slice(cut)
    return about && shell !== 'bash' ? `${text}\t${printable(about).replace(/\.$/, '')}` : text
  })
  return [files ? 'files' : 'words', ...lines].map((line) => `${line}\n`).join('')
}

function fromWords(words: readonly string[]) {
  return { before: words.slice(0, -1), word: words.at(-1) ?? '', cut: 0 }
}

/**
 * Takes the line of a bash apart. What it has of a word behind one of the
 * characters at which it breaks words, such as `=`, is all that it replaces.
 */
function fromLine([breaks = '', line = '']: readonly string[]) {
  const { words, open } = splitLine(line)
  const isBetween = open === undefined && splitLine(`${line}x`).words.length > words.length
  const last = isBetween ? undefined : words.at(-1)
  const word = last?.value ?? ''
  const isPlain = last !== undefined && line.slice(last.start) === word
  const cut = isPlain ? Math.max(...[...breaks].map((character) => word.lastIndexOf(character)), -1) + 1 : 0
  const before = (isBetween ? words : words.slice(0, -1)).map(({ value }) => value)
  return { before: before.slice(1), word, cut }
}

const findIds: FindIds = async (...wanted) => {
  const [{ loadDatabaseSettings }, { openRegistryToRead }, { suggestIds }] = await Promise.all([
    import('../../config/config.ts'),
    import('../../registry/open.ts'),
    import('../../registry/suggest-ids.ts'),
  ])
  const settings = loadDatabaseSettings(process.env)
  usedParts.add(settings.engine)
  const registry = await openRegistryToRead(settings, { patience: LOCKED })
  if (registry === undefined) return []
  const loaded = monotonicTime()
  const patience = Math.max(END - loaded, LEAST * loaded)
  const found = await Promise.race([suggestIds(registry, ...wanted), sleep(patience, [])])
  // A server writes to its log who left without a goodbye; one that is slow is left all the same.
  if (found.length > 0) await Promise.race([registry.close(), sleep(GOODBYE)])
  return found.map(({ id, name }): Candidate => ({ value: id, about: name ?? undefined }))
}
