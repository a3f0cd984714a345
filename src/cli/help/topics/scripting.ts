import type { Block } from '../blocks.ts'

/** `vdc-manage help scripting` */
export const SCRIPTING: readonly Block[] = [
  { heading: 'IDS AND NAMES' },
  {
    text: 'Commands that create something print the new ID. Commands that show, change or delete something take several IDs. Use - to read them from stdin, one per line. The prefix of an ID, such as wmi-, is optional. image add local and image inspect take several files in the same way.',
  },
  {
    text: 'Wherever a command takes the ID of an image, backup object or backup storage, it also takes its display name, with exact case and spaces. IDs take precedence, and a word with a prefix, such as wmi-k3x9q0bz, is never a name. If several items have the name, the command lists their IDs and exits with 5. Names of deleted items count only in image undelete and image purge. Scripts should use IDs: people can rename items.',
  },
  {
    code: [
      'id=$(vdc-manage image add local lucid.raw --account-id a-shpoolxx)',
      'vdc-manage image list --label golden --quiet | vdc-manage image del -',
      "find . -name '*.raw' -print0 | vdc-manage image inspect -0 -",
    ],
  },
  { heading: 'ERRORS' },
  {
    text: 'Start scripts with "set -euo pipefail": without pipefail, a pipe exits with the code of its last command, even if the list before it failed. The exit codes are stable (see: vdc-manage help exit-codes).',
  },
  { heading: 'DRY RUNS AND CONFIRMATION' },
  {
    text: 'With --dry-run, a command runs all its checks, prints the rows that it would write, and writes nothing. Generated IDs of images and accounts differ on every run.',
  },
  {
    text: 'Prompts appear only at a terminal and show what will be affected. In a pipe and in the shell, use --yes instead.',
  },
  { heading: 'OUTPUT' },
  {
    text: 'For scripts, use --json, --format value or --quiet (see: vdc-manage help output). JSON keys, option names and exit codes are stable.',
  },
  {
    code: [
      'vdc-manage image list --json | jq -r \'.[] | select(.arch == "x86") | .id\'',
      'vdc-manage image list --format value -c id,display_name',
    ],
  },
  { heading: 'MANY COMMANDS' },
  {
    text: 'The shell runs a script over one connection, optionally in one transaction (see: vdc-manage help shell).',
  },
  { code: ['vdc-manage -f images.txt --tx bulk'] },
  { heading: 'SPELLINGS' },
  {
    text: 'Scripts for the vdc-manage of Wakame-vdc run unchanged: options with _ for -, booleans with a value (--is-public false), and commands shortened to a unique beginning (image sh). image purge and db migrate run only by their full names.',
  },
]
