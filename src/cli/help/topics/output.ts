import type { Block } from '../blocks.ts'

/** `vdc-manage help output` */
export const OUTPUT: readonly Block[] = [
  {
    text: 'Commands print their result to stdout, and errors, hints, warnings and notes to stderr. Commands that create something print its ID once it is stored. Commands that change or delete print nothing unless you ask for a format; if stderr is a terminal, they say there what they did and how to undo it.',
  },
  { heading: 'FORMATS' },
  {
    list: [
      ['--format table', 'Default. Fits the terminal; complete and plain in a pipe.'],
      [
        '--format json, --json',
        'One JSON document: an object, or an array for several items (IDs on stdin count as several). Errors are JSON too.',
      ],
      ['--format ndjson', 'One JSON object per line, as rows arrive. Errors are JSON too.'],
      ['--format csv', "RFC 4180, for spreadsheets. Text that they would run as a formula gets a leading '."],
      ['--format yaml', 'YAML.'],
      [
        '--array',
        'With json or yaml: always an array, also for one item. The error of a failed command stays an object.',
      ],
      ['--format value', 'Cells only, separated by tabs, one row per line; \\n, \\t and \\\\ are escaped.'],
      ['-q, --quiet', 'IDs only, one per line, and no notes; for commands that print or change things with IDs.'],
    ],
  },
  {
    text: 'Use value or JSON where you need the exact text. ndjson, csv, value and IDs are streamed, so a million rows take no more memory than a thousand.',
  },
  { heading: 'COLUMNS' },
  {
    list: [
      ['-c, --columns NAME,...', 'Columns to print, in this order. Names are JSON keys; repeatable.'],
      ['-c help', 'List the columns of a command.'],
      ['--no-header', 'Omit the header row of table and csv output.'],
      ['--relative', 'Show times in tables as ages, such as "3 days ago".'],
    ],
  },
  {
    text: 'Sizes are in bytes and times in ISO 8601 UTC. Only tables show sizes in units such as GiB.',
  },
  { heading: 'COLOURS AND DEBUGGING' },
  {
    list: [
      ['--no-color', 'Print without colours. NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured.'],
      ['--debug', 'Print debug output and stack traces to stderr.'],
      ['-h, --help', 'Show the help of a command.'],
    ],
  },
  { heading: 'EXAMPLES' },
  {
    code: [
      'vdc-manage image list --format csv -c id,display_name,virtual_size',
      "vdc-manage image show wmi-k3x9q0bz --json | jq -r '.backup_object.uri'",
      'vdc-manage image list -c help',
    ],
  },
]
