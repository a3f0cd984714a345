import { shellWord } from '../../core/shell-word.ts'
import type { Program } from '../start/program.ts'

/** Verbs of similar programs, and what they are called here. Words in capitals stand for the arguments, in this order. */
type Ways = readonly (readonly [verbs: readonly string[], way: string])[]

const RENAME = ['rename', 'mv', 'move', 'name']

/** The verbs by topic. */
export const WAYS: Readonly<Record<string, Ways>> = {
  image: [
    [RENAME, 'image modify ID --display-name NAME'],
    [['chown', 'transfer', 'give'], 'image modify ID --account-id ACCOUNT'],
    [['publish', 'share'], 'image modify ID --is-public'],
    [['unpublish', 'unshare', 'hide'], 'image modify ID --no-is-public'],
    [['replace', 'rebase'], 'image modify ID --backup-object-id OBJECT'],
    [['lock', 'freeze'], 'image protect ID'],
    [['unlock', 'unfreeze'], 'image unprotect ID'],
    [['untag', 'unlabel', 'unset'], 'image label ID LABEL-'],
    [['boot', 'run', 'start', 'launch', 'test'], 'image try ID'],
    [['size', 'du', 'usage', 'status', 'stat', 'state', 'cat'], 'image show ID'],
    [['diff', 'events'], 'image history ID'],
    [['md5sum', 'sha256sum', 'checksum', 'hash', 'fsck'], 'image verify ID'],
    [['clean', 'cleanup'], 'image purge'],
    [['download', 'save', 'extract', 'copy', 'cp', 'export'], 'image export ID OUT'],
    [['pull', 'fetch', 'wget'], 'image add url URL'],
  ],
  backupobject: [
    [RENAME, 'backupobject modify ID --display-name NAME'],
    [['users', 'usage', 'size', 'du', 'status', 'stat'], 'backupobject show ID'],
    [['history', 'log', 'changes'], 'image history ID'],
  ],
  backupstorage: [
    [['rename', 'name'], 'backupstorage modify ID --display-name NAME'],
    [['mv', 'move'], 'backupstorage modify ID --base-uri URI'],
  ],
  account: [
    [RENAME, 'account modify ID --description TEXT'],
    [['enable', 'unlock'], 'account modify ID --enable'],
    [['disable', 'lock'], 'account modify ID --disable'],
  ],
}

/**
 * Finds what a verb of a similar program is called here, with the option that it stands for.
 *
 * @param known the number of words at the start that are a topic; then follow the verb and arguments.
 * @returns the words of the command with the given arguments, quoted for sh; undefined if the verb is not known.
 */
export function otherVerb(program: Program, names: readonly string[], known: number): string | undefined {
  const [verb = '', ...given] = names.slice(known)
  const ways = WAYS[names.slice(0, known).join(':')] ?? []
  const way = ways.find(([verbs]) => verbs.includes(verb.toLowerCase()))?.[1]
  if (way === undefined || !isCommand(program, way)) return undefined
  const words = [...given]
  return way.replace(/\b[A-Z]+\b/g, (name) => {
    const word = words.shift()
    return word === undefined ? name : shellWord(word)
  })
}

/** Returns true if the words up to the first argument or option are a command. */
function isCommand(program: Program, way: string): boolean {
  return program.findCommand(way.replace(/ (?:[A-Z]|-).*$/, '').replaceAll(' ', ':')) !== undefined
}
