/* Texts of the program's help and manual pages about environment variables, the shell and files. */

/** Environment variables. */
export const ENVIRONMENT: [string, string][] = [
  [
    'VDC_MANAGE_DATABASE_URI',
    'Database: mysql://user@host:3306/wakame_dcmgr or sqlite:///absolute/path. Default: database_uri of dcmgr.conf, otherwise an SQLite file in your home directory.',
  ],
  ['CONF_PATH', 'Path of dcmgr.conf. Default: /etc/wakame-vdc/dcmgr.conf.'],
]
/** How the program runs without a command. */
export const SHELL: [string, string][] = [
  ['vdc-manage', 'Run commands from the terminal or from stdin.'],
  ['vdc-manage -f FILE', 'Run commands from a file (see: vdc-manage help shell).'],
]
/** Files that the program reads and writes. */
export const FILES: [string, string][] = [
  ['/etc/wakame-vdc/dcmgr.conf', 'Settings of a Wakame-vdc installation.'],
  ['~/.local/share/vdc-manage/registry.sqlite', 'Embedded registry, created on first use.'],
  ['~/.local/share/vdc-manage/shell_history', 'Command history of the shell.'],
]
