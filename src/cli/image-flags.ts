import { Flags } from '@oclif/core'
import * as values from '../registry/values.ts'
import * as flags from './flags.ts'
import * as list from './list-flags.ts'

/** Flags for the attributes of an image that can be given and changed. */
const attributes = {
  'display-name': flags.displayName(),
  description: flags.description(),
  'root-device': flags.text('DEVICE', 'Device of the root filesystem, such as label:root.'),
  'instance-model-name': flags.text('NAME', 'Instance model that it is made for.'),
  'parent-image-id': flags.text('wmi-ID', 'Image that it was made from.'),
  'is-public': Flags.boolean({ allowNo: true, aliases: ['public'], summary: 'Let every account use it.' }),
}
const isCacheable = Flags.boolean({ allowNo: true, summary: 'Let hypervisors keep a copy.' })

/** What a new image is given, with its defaults. */
export const newImage = (fileFormat: string) => ({
  'account-id': flags.owner(),
  'create-account': flags.createAccount(),
  uuid: flags.uuid('wmi-'),
  ...attributes,
  arch: flags.choice(
    values.ARCHES,
    `Architecture of the machine. Default: what the file tells, else ${values.DEFAULT_ARCH}.`,
  ),
  'os-type': flags.choice(values.OS_TYPES, 'Operating system.', values.DEFAULT_OS_TYPE),
  state: flags.choice(values.STATES, 'State in which it is registered.', values.DEFAULT_STATE),
  'file-format': flags.choice(values.FILE_FORMATS, fileFormat),
  'service-type': Flags.string({
    helpValue: 'NAME',
    default: values.DEFAULT_SERVICE_TYPE,
    summary: 'Service type.',
  }),
})

/** What only an image that boots from a local copy is given. */
export const newLocalImage = { 'is-cacheable': isCacheable }

/** What is expected of a disk image file. */
export const fileExpectations = {
  'max-size': flags.text('SIZE', 'Largest disk that is accepted, such as 100G. Default: 64T.'),
}

/** Whether the whole disk is read. */
export const thorough = () =>
  Flags.boolean({
    summary: 'Read the whole disk as well: finds damage inside compressed data. Takes as long as converting it.',
  })

/** What checksum a file must have. */
export const checksum = () => flags.text('sha256:HEX', 'Checksum that the file must have; md5:HEX works as well.')

/** The same by the name that Wakame-vdc 11.12 has for it. */
export const md5sum = () =>
  Flags.string({
    helpValue: 'HEX',
    exclusive: ['checksum'],
    summary: 'MD5 that the file must have, as --checksum md5:HEX.',
  })

/** What can be changed of an image: only what is given changes. */
export const imageChanges = {
  'account-id': flags.accountId('Account that it shall belong to.'),
  'backup-object-id': flags.text('bo-ID', 'Backup object that holds its bytes.'),
  ...attributes,
  'is-cacheable': isCacheable,
  arch: flags.choice(values.ARCHES, 'Architecture of the machine.'),
  'os-type': flags.choice(values.OS_TYPES, 'Operating system.'),
  state: flags.choice(values.STATES, 'State.'),
  'file-format': flags.choice(values.FILE_FORMATS, 'Format of its bytes.'),
  'service-type': flags.text('NAME', 'Service type.'),
  uuid: flags.sameUuid('wmi-'),
}

/** Which images a list holds, and how it is shown; what may be given several times means one of these, labels all of them. */
export const imageList = {
  quiet: flags.quiet(),
  'account-id': flags.accountId('Only what this account can use.'),
  owned: Flags.boolean({ dependsOn: ['account-id'], summary: 'Only what the account owns, in whatever state.' }),
  name: list.pattern('a name', ['display-name']),
  state: list.anyKnown('STATE', values.IMAGE_STATES, 'Only in this state'),
  arch: list.anyKnown('ARCH', values.ARCHES, 'Only for this architecture'),
  'os-type': list.anyKnown('OS', values.OS_TYPES, 'Only with this operating system'),
  'file-format': list.anyKnown('FORMAT', values.FILE_FORMATS, 'Only in this format'),
  'service-type': list.anyOf('NAME', 'Only of this service type.'),
  public: Flags.boolean({ allowNo: true, aliases: ['is-public'], summary: 'Only what every account is let use.' }),
  protected: Flags.boolean({ allowNo: true, summary: 'Only what is protected.' }),
  label: flags.label(),
  parent: list.anyOf('wmi-ID', 'Only what was made from this image.'),
  'backup-object-id': list.anyOf('bo-ID', 'Only what this backup object holds.'),
  'storage-id': list.anyOf('bkst-ID', 'Only what lies in this storage.'),
  checksum: list.checksum('Only what has this MD5 or SHA-256.'),
  ...list.common('images', 'wmi-ID', ['name', 'account', 'size', 'created', 'updated', 'deleted']),
}
