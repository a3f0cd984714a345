import type { Block } from '../blocks.ts'

/** The part of `vdc-manage shell --help` after the options. */
export const SHELL_TOPIC: readonly Block[] = [
  { heading: 'SYNTAX' },
  {
    list: [
      ['\\ at the end', 'Continues the line.'],
      ['#', 'Starts a comment.'],
      ['\'...\', "..."', 'Quote as in sh, within one line.'],
      ['?, help', 'Show help; after or before a command, its help: image list ?'],
      ['clear', 'Clears the screen; does nothing in a script.'],
      ['exit, quit', 'Leave the shell, as Ctrl-D does.'],
    ],
  },
  {
    text: "A line may start with vdc-manage, as the examples in help do. Pipes, redirections and ; belong to the system's shell; a line that contains one unquoted does not run.",
  },
  { heading: 'TRANSACTIONS' },
  {
    list: [
      ['--tx each', 'Commit every line by itself. Default.'],
      ['--tx bulk', 'Commit all lines together, or none after any error. IDs are printed after the commit.'],
      ['--tx none', 'Commit every statement by itself: a line that fails halfway stays half done.'],
    ],
  },
  {
    text: 'Rows changed under --tx bulk stay locked until the end; on SQLite, so does the whole file.',
  },
]
