/** Quotes a text as one word of a shell command line, if it needs quotes. */
export function shellWord(text: string): string {
  // zsh replaces =word by the path of a program.
  return /^(?!=)[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
