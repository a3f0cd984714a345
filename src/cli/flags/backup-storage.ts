import { Flags } from '@oclif/core'
import * as values from '../../registry/rules/values.ts'
import * as flags from './common.ts'
import * as list from './list.ts'

const TYPE = 'How agents reach it'
const baseUri = {
  helpValue: 'URI',
  summary: 'Prefix of object keys, such as file:///srv/images/.',
}

const optional = {
  'node-id': flags.text('ID', 'Agent that serves the storage.'),
  description: flags.description(),
}

/** Flags of a new backup storage. */
export const newStorage = {
  uuid: flags.uuid('bkst-'),
  'display-name': flags.requiredDisplayName(),
  'base-uri': Flags.string({ ...baseUri, required: true }),
  'storage-type': Flags.string({
    helpValue: 'TYPE',
    options: [...values.STORAGE_TYPES],
    required: true,
    summary: `${TYPE}: ${values.STORAGE_TYPES.join(', ')}.`,
  }),
  ...optional,
}

/** Flags that change a backup storage. */
export const storageChanges = {
  'display-name': flags.displayName(),
  'base-uri': Flags.string(baseUri),
  'storage-type': flags.choice('TYPE', values.STORAGE_TYPES, TYPE),
  ...optional,
  uuid: flags.sameUuid('bkst-'),
}

/** Flags of lists of backup storages. Repeated flags match any of their values. */
export const storageList = list.inGroups({
  quiet: flags.quiet(),
  name: list.pattern('a name', ['display-name']),
  'storage-type': list.anyKnown('TYPE', values.STORAGE_TYPES, 'Of this type'),
  'node-id': list.anyOf('ID', 'Served by this agent.'),
  ...list.common('backup storages', 'bkst-ID', ['name', 'created', 'updated', 'deleted']),
})
