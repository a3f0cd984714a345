import { Flags } from '@oclif/core'
import * as values from '../../registry/rules/values.ts'
import * as flags from './common.ts'
import { ACCOUNT_VARIABLE } from './default-account.ts'
import * as list from './list.ts'

const bytes = (summary: string) => flags.text('BYTES', summary)

const GROUPS = {
  IDENTITY: ['uuid', 'account-id', 'display-name', 'state', 'description', 'service-type'],
  CONTENTS: ['from-file', 'size', 'allocation-size', 'checksum', 'container-format', 'progress'],
  STORAGE: ['storage-id', 'object-key'],
  OUTPUT: ['dry-run'],
}

/** Flags that are not needed with `--from-file`. */
const contents = {
  size: bytes('Size of the unpacked disk image. Required without --from-file.'),
  'allocation-size': bytes('File size in the storage. Default: same as --size.'),
  checksum: flags.text('MD5', 'MD5 of the file in the storage, in hex. Required without --from-file.'),
}

/** Flags of a new backup object, with their defaults. */
export const newObject = flags.grouped(GROUPS, {
  'from-file': Flags.string({
    helpValue: 'PATH',
    summary: 'Take sizes, checksum and container format from a file.',
    exclusive: [...Object.keys(contents), 'container-format'],
  }),
  uuid: flags.uuid('bo-'),
  'account-id': Flags.string({
    helpValue: 'a-ID',
    default: values.SHARED_POOL,
    env: ACCOUNT_VARIABLE,
    summary: `Owner. $${ACCOUNT_VARIABLE} takes precedence over this default.`,
  }),
  'display-name': flags.displayName('Display name. Default: the file name without endings such as .raw.gz.'),
  'storage-id': flags.text(
    'bkst-ID',
    'Backup storage. Default: that of the service type in dcmgr.conf; with --from-file, otherwise the closest one, or a new one for the folder of the file.',
  ),
  'object-key': flags.text('KEY', 'Path in the storage, appended to its base URI. Required without --from-file.'),
  ...contents,
  'container-format': flags.choice('FORMAT', values.CONTAINER_FORMATS, 'Container format', {
    more: 'Default: none.',
  }),
  state: flags.choice('STATE', values.STATES, 'State', { value: values.DEFAULT_STATE }),
  progress: flags.text('PERCENT', 'Percentage of the file that is stored; 100 if available.'),
  description: flags.description(),
  'service-type': Flags.string({ helpValue: 'NAME', default: values.DEFAULT_SERVICE_TYPE, summary: 'Service type.' }),
  quiet: flags.onlyIds(),
  'dry-run': flags.dryRun(),
})

/** Flags that change a backup object. */
export const objectChanges = flags.grouped(GROUPS, {
  'account-id': flags.accountId('New owner.'),
  'display-name': flags.displayName(),
  'storage-id': flags.text('bkst-ID', 'Backup storage.'),
  'object-key': flags.text('KEY', 'Path in the storage, appended to its base URI.'),
  size: bytes('Size of the unpacked disk image.'),
  'allocation-size': bytes('File size in the storage.'),
  checksum: flags.text('MD5', 'MD5 of the file in the storage, in hex.'),
  'container-format': flags.choice('FORMAT', values.CONTAINER_FORMATS, 'Container format'),
  state: flags.choice('STATE', values.STATES, 'State'),
  progress: newObject.progress,
  description: flags.description(),
  'service-type': flags.text('NAME', 'Service type.'),
  uuid: flags.sameUuid('bo-'),
  quiet: flags.onlyIds(),
  'dry-run': flags.dryRun(),
})

/** Flags of lists of backup objects. Repeated flags match any of their values. */
export const objectList = list.inGroups({
  quiet: flags.quiet(),
  'account-id': list.anyOf('a-ID', 'Owned by this account.'),
  name: list.pattern('a name', ['display-name']),
  state: list.anyKnown('STATE', values.OBJECT_STATES, 'In this state'),
  'container-format': list.anyKnown('FORMAT', values.CONTAINER_FORMATS, 'In this container format'),
  'service-type': list.anyOf('NAME', 'Of this service type.'),
  'storage-id': list.anyOf('bkst-ID', 'In this backup storage.'),
  checksum: list.checksum('With this MD5 or SHA-256.'),
  unused: Flags.boolean({ summary: 'Used by no image, not counting deleted images.' }),
  ...list.common('backup objects', 'bo-ID', ['name', 'account', 'created', 'updated', 'deleted']),
})
