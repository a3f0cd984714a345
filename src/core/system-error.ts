import { getSystemErrorMap } from 'node:util'

/** The codes of name resolution that Node adds. */
const OF_NODE: Readonly<Record<string, string>> = { ENOTFOUND: 'host not found' }

/** Returns an error code of the system in words, such as `connection refused (ECONNREFUSED)`; an unknown code as it is. */
export function systemError(code: string | undefined): string {
  const [, words = OF_NODE[code ?? '']] = [...getSystemErrorMap().values()].find(([name]) => name === code) ?? []
  return words === undefined ? `${code}` : `${words} (${code})`
}
