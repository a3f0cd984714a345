import { Flags } from '@oclif/core'
import * as values from '../../registry/rules/values.ts'
import * as flags from './common.ts'
import { ACCOUNT_VARIABLE } from './default-account.ts'
import * as list from './list.ts'

/** The options of an image, by heading. */
export const IMAGE_GROUPS = {
  IDENTITY: [
    'account-id',
    'create-account',
    'uuid',
    'display-name',
    'description',
    'parent-image-id',
    'is-public',
    'state',
    'service-type',
  ],
  BOOT: ['root-device', 'instance-model-name', 'arch', 'os-type', 'is-cacheable'],
  STORAGE: ['backup-object-id', 'file-format', 'storage-id', 'convert', 'prepare'],
  OUTPUT: ['dry-run'],
}
/** The options of an image whose file is checked, by heading. */
export const LOCAL_IMAGE_GROUPS = {
  'FILE CHECKS': ['file-format', 'checksum', 'md5sum', 'thorough', 'max-size', 'check'],
  IDENTITY: IMAGE_GROUPS.IDENTITY,
  BOOT: IMAGE_GROUPS.BOOT,
}

/** The options of an image that is built, by heading. */
export const BUILD_GROUPS = {
  CONTENTS: ['suite', 'mirror', 'package', 'kernel', 'init', 'hostname', 'authorized-key', 'script', 'timestamp'],
  STORAGE: ['size', 'to', 'compress'],
  REGISTRATION: ['register', ...IMAGE_GROUPS.IDENTITY],
  OUTPUT: ['dry-run'],
}

/** Flags for attributes that can be set when an image is added, and changed later. */
const attributes = {
  'display-name': flags.displayName(),
  description: flags.description(),
  'root-device': flags.text('DEVICE', 'Root filesystem, such as label:root.'),
  'instance-model-name': flags.text('NAME', 'Instance model that the image boots on.'),
  'parent-image-id': flags.text('wmi-ID', 'Image that this one was made from.'),
  'is-public': Flags.boolean({ allowNo: true, aliases: ['public'], summary: 'Let every account use the image.' }),
}
const isCacheable = Flags.boolean({ allowNo: true, summary: 'Let hypervisors cache the image.' })

/**
 * Flags of a new image, with their defaults.
 *
 * @param fileFormat the summary of `--file-format`.
 */
export const newImage = (fileFormat: string) => ({
  'account-id': flags.owner(),
  'create-account': flags.createAccount(),
  uuid: flags.uuid('wmi-'),
  ...attributes,
  arch: flags.choice('ARCH', values.ARCHES, 'Architecture', {
    more: 'Default: from the file.',
  }),
  'os-type': flags.choice('OS', values.OS_TYPES, 'Operating system', { value: values.DEFAULT_OS_TYPE }),
  state: flags.choice('STATE', values.STATES, 'State', { value: values.DEFAULT_STATE }),
  'file-format': Flags.string({ helpValue: 'FORMAT', options: [...values.FILE_FORMATS], summary: fileFormat }),
  'service-type': Flags.string({
    helpValue: 'NAME',
    default: values.DEFAULT_SERVICE_TYPE,
    summary: 'Service type.',
  }),
})

/** Flags of a new image that boots from a local copy. */
export const newLocalImage = { 'is-cacheable': isCacheable }

const ofRegistered = { dependsOn: ['register'] }

/** Flags of an image that is registered when it was built. */
export const newBuiltImage = {
  register: Flags.boolean({ dependsOn: ['account-id'], summary: 'Register the image, as image add local does.' }),
  // Not `dependsOn`, which would apply to the variable too (`requireRegister`).
  'account-id': Flags.string({
    helpValue: 'a-ID',
    env: ACCOUNT_VARIABLE,
    summary: `Owner of the registered image; a-shpoolxx is the shared pool. Default: $${ACCOUNT_VARIABLE}.`,
  }),
  'create-account': { ...flags.createAccount(), ...ofRegistered },
  uuid: { ...flags.uuid('wmi-'), ...ofRegistered },
  'display-name': { ...attributes['display-name'], ...ofRegistered },
  description: { ...attributes.description, ...ofRegistered },
  'is-public': { ...attributes['is-public'], ...ofRegistered },
}

/** Limits of a disk image file. */
export const fileExpectations = {
  'max-size': flags.text('SIZE', 'Largest disk to allow, such as 100G. Default: 64T.'),
}

/** Flags of commands that take several files. */
export const manyFiles = {
  recursive: Flags.boolean({ char: 'r', summary: 'Take the disk images in folders, and below.' }),
  null: Flags.boolean({
    // oclif's types know letters only.
    char: '0' as 'z',
    summary: 'Paths on stdin end with NUL, as with find -print0.',
  }),
}

/** `--thorough`: read the whole disk. */
export const thorough = () =>
  Flags.boolean({
    summary: 'Read the whole disk, even compressed data (slow).',
  })

/** `--check`: look into the guest. */
export const checkGuest = () => Flags.boolean({ summary: 'Require a guest that is ready (see image check).' })

/** `--prepare`: register a copy in which the guest is ready. */
export const prepareGuest = () => Flags.boolean({ summary: 'Register a prepared copy (see image prepare).' })

/** `--checksum`: the checksum that a file must have. */
export const checksum = () => flags.text('sha256:HEX', 'Require this checksum, or md5:HEX.')

/** `--checksum`, which can also name a checksum file. */
export const listedChecksum = () => flags.text('sha256:HEX', 'Require this, or md5:HEX, or as listed in a file.')

/** `--md5sum`: the same, as in Wakame-vdc 11.12. */
export const md5sum = () =>
  Flags.string({
    helpValue: 'HEX',
    exclusive: ['checksum'],
    summary: 'Same as --checksum md5:HEX.',
  })

/** Flags that change an image. */
export const imageChanges = {
  'account-id': flags.accountId('New owner.'),
  'backup-object-id': flags.text('bo-ID', 'Backup object that holds the disk.'),
  ...attributes,
  'is-cacheable': isCacheable,
  arch: flags.choice('ARCH', values.ARCHES, 'Architecture'),
  'os-type': flags.choice('OS', values.OS_TYPES, 'Operating system'),
  state: flags.choice('STATE', values.STATES, 'State'),
  'file-format': flags.choice('FORMAT', values.FILE_FORMATS, 'Disk format'),
  'service-type': flags.text('NAME', 'Service type.'),
  uuid: flags.sameUuid('wmi-'),
}

/** Flags of lists of images. Repeated flags match any of their values; labels must all match. */
export const imageList = list.inGroups({
  quiet: flags.quiet(),
  'account-id': flags.accountId('Usable by this account.'),
  owned: Flags.boolean({ dependsOn: ['account-id'], summary: 'Only images owned by the account, in any state.' }),
  name: list.pattern('a name', ['display-name']),
  state: list.anyKnown('STATE', values.IMAGE_STATES, 'In this state'),
  arch: list.anyKnown('ARCH', values.ARCHES, 'For this architecture'),
  'os-type': list.anyKnown('OS', values.OS_TYPES, 'Operating system'),
  'file-format': list.anyKnown('FORMAT', values.FILE_FORMATS, 'In this format'),
  'service-type': list.anyOf('NAME', 'Of this service type.'),
  public: Flags.boolean({ allowNo: true, aliases: ['is-public'], summary: 'Public (or not public).' }),
  protected: Flags.boolean({ allowNo: true, summary: 'Protected (or not protected).' }),
  label: flags.label(),
  parent: list.anyOf('wmi-ID', 'Made from this image.'),
  'backup-object-id': list.anyOf('bo-ID', 'Stored as this backup object.'),
  'storage-id': list.anyOf('bkst-ID', 'In this backup storage.'),
  checksum: list.checksum('With this MD5 or SHA-256.'),
  ...list.common('images', 'wmi-ID', ['name', 'account', 'size', 'created', 'updated', 'deleted']),
})
