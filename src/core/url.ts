/** Returns true if a word begins like an http or https URL. */
export function isUrl(word: string): boolean {
  return /^https?:\/\//i.test(word)
}

/** Returns a word for people: of a URL, without credentials and query, which may contain secrets. */
export function withoutSecrets(word: string): string {
  return word.replace(/^(https?:\/\/)[^/?#]*@/i, '$1…@').replace(/^(https?:\/\/[^?]*\?).+$/is, '$1…')
}
