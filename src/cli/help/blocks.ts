import type { Item } from './describe.ts'

/** A part of a help topic, rendered for terminals, manual pages and Markdown. */
export type Block =
  | { heading: string }
  | { text: string }
  | { list: readonly Item[] }
  /** Lines to copy, which are never wrapped. */
  | { code: readonly string[] }
