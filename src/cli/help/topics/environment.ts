import { ACCOUNT_VARIABLE } from '../../flags/default-account.ts'
import { ENVIRONMENT, FILES } from '../../start/about.ts'
import type { Block } from '../blocks.ts'

/** `vdc-manage help environment` */
export const ENVIRONMENT_TOPIC: readonly Block[] = [
  { heading: 'VARIABLES' },
  {
    list: [
      ...ENVIRONMENT,
      [ACCOUNT_VARIABLE, 'Account that owns what is added. --account-id takes precedence. Filters of lists ignore it.'],
      ['VDC_MANAGE_DATA_DIR', 'Folder of the embedded registry. Default: $XDG_DATA_HOME/vdc-manage.'],
      ['XDG_DATA_HOME', 'Folder for data. Default: ~/.local/share.'],
      ['XDG_STATE_HOME', 'Folder for the list of image folders. Default: ~/.local/state; for root, /var/lib.'],
      ['TMPDIR', 'Folder for temporary files, such as unpacked images. Default: /var/tmp.'],
      ['VDC_MANAGE_GUEST_TIMEOUT', 'Seconds that looking inside one image may take. Default: 900.'],
      ['LIBGUESTFS_CACHEDIR', 'Folder of the virtual machine that looks inside images, 370 MB. Default: /var/tmp.'],
      ['NO_COLOR', 'Print without colours.'],
      ['FORCE_COLOR, CLICOLOR_FORCE', 'Print colours even in a pipe. FORCE_COLOR=0 prints none.'],
    ],
  },
  {
    text: 'As root, folders from HOME, XDG_DATA_HOME or XDG_STATE_HOME that another user could change are ignored.',
  },
  { heading: 'FILES' },
  { list: FILES },
  { heading: 'DATABASE URIS' },
  {
    code: [
      'mysql://user:password@host:3306/wakame_dcmgr',
      'mysql2://localhost/wakame_dcmgr?user=root&socket=/run/mysqld/mysqld.sock',
      'mysql://user@db1,db2:3307/wakame_dcmgr?ssl-mode=VERIFY_IDENTITY',
      'sqlite:///srv/registry.sqlite',
    ],
  },
  {
    text: 'If a URI names several hosts, the first one that accepts statements is used. %-escape special characters in the user, password and database. Check the settings with: vdc-manage doctor',
  },
]
