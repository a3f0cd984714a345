/*
 * Checks the few rules of plain English that a program can check, in everything that
 * people read: documents, the help of all commands, and the texts in src. Part of
 * `npm run check`. Prints each fault with its place, and then exits with 1.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Phrases that must not come back, and what to write instead. */
const PHRASES = [
  [/\bcan not\b/i, 'cannot'],
  [/\ba line (?:an|a|each)\b/i, 'one per line'],
  [/\bgoes? on (?:behind|past)\b/i, 'continue after'],
  [/\bgo on behind\b/i, 'start after'],
  [/\bin whatever state\b/i, 'in any state'],
  [/\bno longer, or\b|, or no longer\b/i, 'set or clear'],
  [/\ball the same\b/i, 'anyway'],
  [/\bthose there are\b/i, 'all …, or how to list them'],
  [/\bwhat (?:asks|is mistyped|strangers wrote|nobody knows)\b/i, 'name the actor'],
  [/\b(?:is|are) others each time\b/i, 'differ on every run'],
  [/\bby such\b|\bsuch as have\b/i, 'those with'],
  [/\bis no (?:time|number|size|id|name|file|folder|boolean|label|checksum|state)\b/i, 'is not a valid …'],
  [/\bnot any more\b|\bany more\b/i, 'no longer'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/\bthat (?:is|was) given\b.*\bgoes with\b/i, 'requires'],
  [/\bform of the answer\b/i, 'output format'],
]

/** American spellings; the project writes British English. Names in code keep theirs. */
const AMERICAN = /\b(?:honor|behavior|recogniz|normaliz|canceled|canceling|neighbor|catalog(?!ue)|colored|colors\b)\w*/i

/** Characters of the longest summary of a command. */
const LONGEST_SUMMARY = 72

/**
 * Finds the faults in a text.
 *
 * @param text what people read.
 * @returns a line for each fault.
 */
export function faultsOf(text) {
  const phrases = PHRASES.flatMap(([phrase, instead]) => {
    const [found] = phrase.exec(text) ?? []
    return found === undefined ? [] : [`"${found}": write ${instead}`]
  })
  const [american] = AMERICAN.exec(text) ?? []
  return american === undefined ? phrases : [...phrases, `"${american}": use British spelling`]
}

/**
 * Finds the faults in the one-line summary of a command, beside those of any text.
 *
 * @param summary of a command.
 * @returns a line for each fault.
 */
export function faultsOfSummary(summary) {
  const [first = ''] = summary.split(/[ :,]/)
  return [
    ...(summary.length > LONGEST_SUMMARY ? [`longer than ${LONGEST_SUMMARY} characters`] : []),
    ...(summary.includes('\n') ? ['more than one line'] : []),
    ...(/^[A-Z]\S*[^.]$|[^.]$/.test(summary) ? ['no full stop at its end'] : []),
    ...(/^[A-Z][a-z]+$/.test(first) && (first === 'Bring' || !/(?:[^s]s|ing|ed)$/.test(first))
      ? []
      : [`"${first}" is no imperative`]),
  ]
}

/** Texts in a source file: literals that hold at least two words. */
function* textsIn(source) {
  let number = 0
  for (const line of source.split('\n')) {
    number++
    if (/^\s*(?:\/\/|\/?\*)/.test(line)) continue
    for (const [, , text] of line.matchAll(/(['"`])((?:(?!\1)[^\\]|\\.)*)\1/g))
      if (text.includes(' ')) yield [number, text]
  }
}

function* allFaults(root) {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
  for (const file of files) {
    if (/^(?:src|bin)\/.*\.[jt]s$/.test(file)) {
      for (const [number, text] of textsIn(readFileSync(join(root, file), 'utf8')))
        for (const fault of faultsOf(text)) yield `${file}:${number}: ${fault}`
    }
    if (/\.md$/.test(file)) {
      const lines = readFileSync(join(root, file), 'utf8').split('\n')
      for (const [at, line] of lines.entries()) for (const fault of faultsOf(line)) yield `${file}:${at + 1}: ${fault}`
    }
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
