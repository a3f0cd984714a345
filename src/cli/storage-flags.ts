import { Flags } from '@oclif/core'
import * as values from '../registry/values.ts'
import * as flags from './flags.ts'
import * as list from './list-flags.ts'

const TYPE = 'How the agents reach it.'
const baseUri = {
  helpValue: 'URI',
  summary: 'What object keys are joined to, such as file:///var/lib/wakame-vdc/images/.',
}

const optional = {
  'node-id': flags.text('ID', 'Agent that serves it.'),
  description: flags.description(),
}

/** What a new backup storage is given. */
export const newStorage = {
  uuid: flags.uuid('bkst-'),
  'display-name': flags.requiredDisplayName(),
  'base-uri': Flags.string({ ...baseUri, required: true }),
  'storage-type': Flags.string({ options: [...values.STORAGE_TYPES], required: true, summary: TYPE }),
  ...optional,
}

/** What can be changed of a backup storage: only what is given changes. */
export const storageChanges = {
  'display-name': flags.displayName(),
  'base-uri': Flags.string(baseUri),
  'storage-type': flags.choice(values.STORAGE_TYPES, TYPE),
  ...optional,
  uuid: flags.sameUuid('bkst-'),
}

/** Which backup storages a list holds, and how it is shown; what may be given several times means one of these. */
export const storageList = {
  quiet: flags.quiet(),
  name: list.pattern('a name', ['display-name']),
  'storage-type': list.anyKnown('TYPE', values.STORAGE_TYPES, 'Only reached so'),
  'node-id': list.anyOf('ID', 'Only served by this agent.'),
  ...list.common('backup storages', 'bkst-ID', ['name', 'created', 'updated', 'deleted']),
}
