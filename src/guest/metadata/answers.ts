import { documentOf } from './documents.ts'
import type { Instance } from './instance.ts'
import { namesOf1106, treeOf161 } from './names.ts'

/** A version, and what follows it, such as `meta-data/mac`. */
const PATH = /^\/([^/]+)(?:\/(.*))?$/s
/** The versions that release 16.1 lists. It takes any other too. */
const VERSIONS = 'latest\n2011-01-01'
/** Characters of a name that an error repeats. */
const LONGEST_NAME = 100

/**
 * Returns the body with which Wakame-vdc answers a path, without a final newline.
 *
 * @param path decoded, such as `/latest/meta-data/mac`.
 * @returns undefined if there is nothing at this path.
 */
export async function bodyOf(instance: Instance, path: string): Promise<string | Buffer | undefined> {
  if (path === '/') return VERSIONS
  const [, version, rest] = PATH.exec(path) ?? []
  if (version === undefined) return undefined
  // Release 16.1 answers a version that no slash follows with nothing.
  if (rest === undefined) return ''
  return bodiesOf(instance).get(rest) ?? documentOf(instance, rest)
}

/** Returns the text of a 404 for a path that an instance asked for, with underscores as Wakame-vdc writes it. */
export function unknownText(path: string): string {
  const name = (PATH.exec(path)?.[2] ?? path).replace(/^meta-data\//, '').slice(0, LONGEST_NAME)
  return `Unknown metadata: ${name.replace(/[^ -~]/g, '?').replaceAll('-', '_')}`
}

/** Returns the bodies of both releases by path. */
function bodiesOf(instance: Instance): ReadonlyMap<string, string | Buffer> {
  const tree = treeOf161(instance)
  const bodies = new Map<string, string | Buffer>(listsOf(tree.map(([path]) => path)))
  // Where both releases have a name, the one of 11.06 has the values of all interfaces.
  for (const [path, body] of [...tree, ...namesOf1106(instance)]) if (body !== undefined) bodies.set(path, body)
  return bodies
}

/** Returns the lists of all folders above some paths, so that nothing is listed which is not served. */
function listsOf(paths: readonly string[]): Map<string, string> {
  const lists = new Map<string, Set<string>>()
  for (const path of paths) {
    for (const { 0: entry, index } of path.matchAll(/[^/]+\/?/g)) {
      const folder = path.slice(0, index)
      lists.set(folder, (lists.get(folder) ?? new Set()).add(entry))
      if (entry.endsWith('/') && !lists.has(folder + entry)) lists.set(folder + entry, new Set())
    }
  }
  return new Map([...lists].map(([folder, entries]) => [folder, [...entries].join('\n')]))
}
