import { Flags } from '@oclif/core'
import * as values from '../registry/values.ts'
import * as flags from './flags.ts'
import * as list from './list-flags.ts'

const bytes = (summary: string) => flags.text('BYTES', summary)

/** Flags for what a file of the object's bytes would tell. */
const contents = {
  size: bytes('Size of the disk image when it is unpacked. Required without a file.'),
  'allocation-size': bytes('Size of the file as it lies in the storage. Default: the size.'),
  checksum: flags.text('MD5', 'MD5 of the file as it lies in the storage, in hex. Required without a file.'),
}

/** What a new backup object is given, with its defaults. */
export const newObject = {
  'from-file': Flags.string({
    helpValue: 'PATH',
    summary: 'Take sizes, checksum and container format from this file.',
    exclusive: [...Object.keys(contents), 'container-format'],
  }),
  uuid: flags.uuid('bo-'),
  'account-id': Flags.string({
    helpValue: 'a-ID',
    default: values.SHARED_POOL,
    summary: 'Account that owns it.',
  }),
  'display-name': flags.displayName('Name for people. Default: the name of the file, without endings such as .raw.gz.'),
  'storage-id': flags.text(
    'bkst-ID',
    'Backup storage that it lies in. Default: that of the service type in dcmgr.conf; of a file else the closest, or a new one for its folder.',
  ),
  'object-key': flags.text('KEY', 'Where it lies in the storage: joined to its base URI. Required without a file.'),
  ...contents,
  'container-format': flags.choice(values.CONTAINER_FORMATS, 'How the disk image is packed. Default: none.'),
  state: flags.choice(values.STATES, 'State in which it is registered.', values.DEFAULT_STATE),
  progress: flags.text('PERCENT', 'How much of it is there. What is available is always at 100.'),
  description: flags.description(),
  'service-type': Flags.string({ helpValue: 'NAME', default: values.DEFAULT_SERVICE_TYPE, summary: 'Service type.' }),
}

/** What can be changed of a backup object: only what is given changes. */
export const objectChanges = {
  'account-id': flags.accountId('Account that it shall belong to.'),
  'display-name': flags.displayName(),
  'storage-id': flags.text('bkst-ID', 'Backup storage that it lies in.'),
  'object-key': flags.text('KEY', 'Where it lies in the storage: joined to its base URI.'),
  size: bytes('Size of the disk image when it is unpacked.'),
  'allocation-size': bytes('Size of the file as it lies in the storage.'),
  checksum: flags.text('MD5', 'MD5 of the file as it lies in the storage, in hex.'),
  'container-format': flags.choice(values.CONTAINER_FORMATS, 'How the disk image is packed.'),
  state: flags.choice(values.STATES, 'State.'),
  progress: newObject.progress,
  description: flags.description(),
  'service-type': flags.text('NAME', 'Service type.'),
  uuid: flags.sameUuid('bo-'),
}

/** Which backup objects a list holds, and how it is shown; what may be given several times means one of these. */
export const objectList = {
  quiet: flags.quiet(),
  'account-id': list.anyOf('a-ID', 'Only what this account owns.'),
  name: list.pattern('a name', ['display-name']),
  state: list.anyKnown('STATE', values.OBJECT_STATES, 'Only in this state'),
  'container-format': list.anyKnown('FORMAT', values.CONTAINER_FORMATS, 'Only packed so'),
  'service-type': list.anyOf('NAME', 'Only of this service type.'),
  'storage-id': list.anyOf('bkst-ID', 'Only what lies in this storage.'),
  checksum: list.checksum('Only with this MD5 or SHA-256.'),
  ...list.common('backup objects', 'bo-ID', ['name', 'account', 'created', 'updated', 'deleted']),
}
