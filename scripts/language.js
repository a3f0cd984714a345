/*
 * Checks rules of plain English that a program can check, in the documents, the texts in src and
 * bin, and the summaries of commands. Part of `npm run check`. Prints one line per fault with its
 * place, and exits with 1 if there are any.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Phrases that are not plain English, and what to write instead. */
const PHRASES = [
  [/\bcan not\b/i, 'cannot'],
  [/\ba line (?:an|a|each)\b/i, 'one per line'],
  [/\bgo(?:es)? on (?:behind|past)\b/i, 'start after, or continue after'],
  [/\bin whatever state\b/i, 'in any state'],
  [/, or no longer\b|\bno longer, or\b/i, 'set or clear'],
  // Not: all the same size.
  [/\ball the same(?=[^\w\s-]|\s*$)/i, 'anyway'],
  [/\bthose there are\b/i, 'all …, or how to list them'],
  [/\bwhat (?:asks|is mistyped|strangers wrote|nobody knows)\b/i, 'who does it'],
  [/\b(?:is|are) others each time\b/i, 'differ on every run'],
  // Not: by such a name.
  [/\bby such\b(?! an? )/i, 'by these'],
  [/\bsuch as have\b/i, 'those with'],
  // Not: there is no file.
  [
    /(?<!\bthere )\bis no (?:boolean|checksum|file|folder|id|label|name|number|size|state|time)\b/i,
    'is not a …, or is not a valid …',
  ],
  // Not: if there are any more.
  [/\b(?:no(?! longer)|nobody|none|not|nothing|\w+n't)\b.*\bany more\b/i, 'no longer'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/; goes with\b/i, 'requires'],
  [/\bform of the answer\b/i, 'output format'],
]

/** American spellings; the project uses British ones. Names in code, such as NO_COLOR, are not matched. */
const AMERICAN =
  /\b(?:analyz|behavior|cancel(?:ed|ing)|catalog(?!ue)|color(?:ed|s)|honor|neighbor|normaliz|organiz|recogniz|synchroniz)\w*/i

/** The most characters of a command's summary. */
const LONGEST_SUMMARY = 72
/** Matches first words that are not verbs in the imperative: third persons, participles, and words that start other sentences. */
const NOT_IMPERATIVE = /^(?:.*[^A-Zs]s|.*ing|.*ed|An?|How|The|Wh(?:at|en|ere|ether|ich|o))$/
/** Verbs that NOT_IMPERATIVE takes for participles. */
const VERBS = ['Bring', 'Embed']

/**
 * Finds phrases that are not plain English, and American spellings.
 *
 * @param {string} text
 * @returns {string[]} one line per fault.
 */
export function faultsOf(text) {
  const faults = PHRASES.flatMap(([phrase, better]) => {
    const [found] = phrase.exec(text) ?? []
    return found === undefined ? [] : [`"${found}": write ${better}`]
  })
  const [american] = AMERICAN.exec(text) ?? []
  return american === undefined ? faults : [...faults, `"${american}": use British spelling`]
}

/**
 * Finds faults in the form of a command's summary: it must be one short sentence in the imperative.
 *
 * @param {string} summary
 * @returns {string[]} one line per fault.
 */
export function faultsOfSummary(summary) {
  const [first = ''] = summary.split(/[ :,]/)
  const isImperative = /^[A-Z][a-z]+$/.test(first) && (VERBS.includes(first) || !NOT_IMPERATIVE.test(first))
  return [
    ...(summary.length > LONGEST_SUMMARY ? [`longer than ${LONGEST_SUMMARY} characters`] : []),
    ...(summary.includes('\n') ? ['more than one line'] : []),
    ...(summary.endsWith('.') ? [] : ['no full stop at the end']),
    ...(isImperative ? [] : [`"${first}" is not an imperative`]),
  ]
}

/** Yields the lines of a file, with their numbers. */
function* linesOf(content) {
  let number = 0
  for (const line of content.split('\n')) yield [++number, line]
}

/** Yields the string literals of a source file that contain a space, with their line numbers. Skips lines of comments. */
function* textsIn(source) {
  for (const [number, line] of linesOf(source)) {
    if (/^\s*(?:\/\/|\/?\*)/.test(line)) continue
    for (const [, , text] of line.matchAll(/(['"`])((?:(?!\1)[^\\]|\\.)*)\1/g))
      if (text.includes(' ')) yield [number, text]
  }
}

/** Yields the faults of all files below `root` that git tracks, with their places. */
function* allFaults(root) {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
  for (const file of files) {
    const isSource = /^(?:src|bin)\/.*\.[jt]s$/.test(file)
    if (!isSource && !file.endsWith('.md')) continue
    const content = readFileSync(join(root, file), 'utf8')
    for (const [number, text] of isSource ? textsIn(content) : linesOf(content))
      for (const fault of faultsOf(text)) yield `${file}:${number}: ${fault}`
  }
  const { commands } = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8'))
  for (const [id, { summary }] of Object.entries(commands))
    for (const fault of faultsOfSummary(summary)) yield `help of ${id.replaceAll(':', ' ')}: ${fault}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const faults = [...allFaults(root)]
  for (const fault of faults) console.error(fault)
  if (faults.length > 0) process.exitCode = 1
}
