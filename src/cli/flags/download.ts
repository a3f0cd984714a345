import { Flags } from '@oclif/core'
import * as flags from './common.ts'
import { LOCAL_IMAGE_GROUPS } from './image.ts'

/** The options of an image that is downloaded, by heading. */
export const DOWNLOAD_GROUPS = {
  ...LOCAL_IMAGE_GROUPS,
  'FILE CHECKS': ['checksum', 'no-checksum', ...LOCAL_IMAGE_GROUPS['FILE CHECKS']],
  STORAGE: ['into', 'file-name', 'storage-id', 'convert', 'prepare'],
  DOWNLOAD: ['max-download', 'timeout', 'retries', 'ca-file'],
}

/**
 * Flags of a download.
 *
 * @param defaults the limits without these flags.
 */
export const download = (defaults: { mostBytes: string; timeout: number; retries: number }) => ({
  into: Flags.string({ helpValue: 'DIR', required: true, summary: 'Folder for the file. It must exist.' }),
  'file-name': flags.text('NAME', 'Name of the file. Default: the last part of the URL.'),
  checksum: flags.text('sha256:HEX', 'Checksum of the file, or md5:HEX or sha512:HEX; or a file or URL that lists it.'),
  'no-checksum': Flags.boolean({ exclusive: ['checksum'], summary: 'Trust the https server instead of a checksum.' }),
  'max-download': flags.text('SIZE', `Largest file to download. Default: ${defaults.mostBytes}.`),
  timeout: Flags.integer({
    helpValue: 'SECONDS',
    default: defaults.timeout,
    summary: 'Close a connection that sends no data for this long.',
  }),
  retries: Flags.integer({ helpValue: 'N', default: defaults.retries, summary: 'Further attempts after a failure.' }),
  'ca-file': flags.text('FILE', "Trust only these certificate authorities (PEM). Default: Node's."),
})
