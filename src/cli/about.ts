/*
 * What the help of the program, its manual pages and docs/commands say of it beside
 * its commands: names, and what each is.
 */

/** Variables of the environment. */
export const ENVIRONMENT: [string, string][] = [
  [
    'VDC_MANAGE_DATABASE_URI',
    'The database: mysql://user@host:3306/wakame_dcmgr or sqlite:///absolute/path. Default: database_uri of dcmgr.conf, else an SQLite file of yours.',
  ],
  ['CONF_PATH', 'The dcmgr.conf to read instead of that below /etc.'],
]
/** How the program runs without a command. */
export const SHELL: [string, string][] = [
  ['vdc-manage', 'Runs commands as they are typed, or those of stdin.'],
  ['vdc-manage -f FILE', 'Runs those of a file; vdc-manage shell --help tells of -e and --tx.'],
]
/** Files that it reads and writes. */
export const FILES: [string, string][] = [
  ['/etc/wakame-vdc/dcmgr.conf', 'Settings of an installation of Wakame-vdc.'],
  ['~/.local/share/vdc-manage/registry.sqlite', 'The embedded registry, made on first use.'],
  ['~/.local/share/vdc-manage/shell_history', 'What was typed in the shell.'],
]
