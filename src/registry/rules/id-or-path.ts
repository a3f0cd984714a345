import { existsSync } from 'node:fs'
import { type Kind, prefixOf } from './identifiers.ts'

/**
 * Returns whether a word that may be an ID or a path stands for an ID: it starts with the prefix of the kind,
 * and no file has this name. `./wmi-x` is always a path.
 */
export function isIdNotFile(kind: Kind, word: string): boolean {
  return word.startsWith(prefixOf(kind)) && !existsSync(word)
}
