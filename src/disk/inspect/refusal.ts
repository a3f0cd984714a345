/** The reason why a file cannot be registered. */
export interface Refusal {
  /** Continues a sentence that begins with the name of the file, such as `is encrypted`. */
  why: string
  /** How to fix it; may contain FILE. */
  hint?: string
}
