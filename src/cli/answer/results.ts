import type * as z from 'zod/mini'

type Schema = z.ZodMiniType

/**
 * The form of a command's answer: a list of rows, or one item (several IDs give a list of items).
 * Schemas are loaded on demand.
 */
interface Result {
  kind: 'list' | 'thing'
  schema: () => Promise<Schema>
  /** The summary that json and yaml print in place of the rows, unless columns are asked for. */
  whole?: () => Promise<Schema>
  /** Keys that are only in the answer if they are asked for. */
  onRequest?: readonly string[]
}

const list = (schema: () => Promise<Schema>): Result => ({ kind: 'list', schema })
const thing = (schema: () => Promise<Schema>): Result => ({ kind: 'thing', schema })

const account = async () => (await import('../../registry/results/account.ts')).account
const backupStorage = async () => (await import('../../registry/results/backup-storage.ts')).backupStorage
const backupObject = async () => (await import('../../registry/results/backup-object.ts')).backupObject
const image = async () => (await import('../../registry/results/image.ts')).image
const file = async () => (await import('../../registry/results/file.ts')).fileReport

/** Answers by command ID, and those of `--count`, `--dry-run`, and `--at` and `--events` of `image history`. */
export const RESULTS: Readonly<Record<string, Result>> = {
  count: thing(async () => (await import('../../registry/results/common.ts')).count),
  'dry run': list(async () => (await import('../../registry/results/change.ts')).change),
  'account:add': thing(account),
  'account:del': thing(account),
  'account:list': list(account),
  'account:modify': thing(account),
  'account:show': thing(async () => (await import('../../registry/results/account.ts')).accountDetails),
  'backupobject:add': thing(backupObject),
  'backupobject:del': thing(backupObject),
  'backupobject:list': {
    ...list(async () => (await import('../../registry/results/backup-object.ts')).backupObjectSummary),
    onRequest: ['used_by'],
  },
  'backupobject:modify': thing(backupObject),
  'backupobject:show': thing(backupObject),
  'backupstorage:add': thing(backupStorage),
  'backupstorage:del': thing(backupStorage),
  'backupstorage:list': list(backupStorage),
  'backupstorage:modify': thing(backupStorage),
  'backupstorage:show': thing(backupStorage),
  'backupstorage:trust': thing(async () => (await import('../../registry/results/image-folder.ts')).imageFolder),
  'db:migrate': thing(async () => (await import('../../registry/results/database.ts')).applied),
  'db:status': thing(async () => (await import('../../registry/results/database.ts')).databaseStatus),
  doctor: {
    ...list(async () => (await import('../../registry/results/examination.ts')).check),
    whole: async () => (await import('../../registry/results/examination.ts')).examination,
  },
  'image:add:local': thing(image),
  'image:add:url': thing(image),
  'image:add:volume': thing(image),
  'image:build': thing(async () => (await import('../../registry/results/file.ts')).builtReport),
  'image:check': {
    ...list(async () => (await import('../../registry/results/guest.ts')).checkReport),
    whole: async () => (await import('../../registry/results/guest.ts')).checkSummary,
  },
  'image:convert': thing(file),
  'image:del': thing(async () => (await import('../../registry/results/image.ts')).deletedImage),
  'image:export': thing(async () => (await import('../../registry/results/file.ts')).exportReport),
  'image:features': thing(image),
  'image:history --at': thing(async () => (await import('../../registry/results/image.ts')).imageAttributes),
  'image:history --events': list(async () => (await import('../../registry/results/history.ts')).historyEvent),
  'image:history': list(async () => (await import('../../registry/results/image.ts')).historyEntry),
  'image:inspect': thing(file),
  'image:install': thing(file),
  'image:label': thing(image),
  'image:list': {
    ...list(async () => (await import('../../registry/results/image.ts')).imageSummary),
    onRequest: ['labels'],
  },
  'image:modify': thing(image),
  'image:orphans': list(async () => (await import('../../registry/results/orphan.ts')).orphan),
  'image:prepare': thing(async () => (await import('../../registry/results/file.ts')).preparedReport),
  'image:protect': thing(image),
  'image:purge': list(async () => (await import('../../registry/results/purged.ts')).purged),
  'image:show': thing(image),
  'image:try': {
    ...list(async () => (await import('../../registry/results/try.ts')).triedStep),
    whole: async () => (await import('../../registry/results/try.ts')).tryReport,
  },
  'image:undelete': thing(image),
  'image:unprotect': thing(image),
  'registry:import': thing(async () => (await import('../../registry/results/import.ts')).imported),
  'image:verify': {
    ...list(async () => (await import('../../registry/results/file.ts')).verification),
    whole: async () => (await import('../../registry/results/file.ts')).verifySummary,
  },
}
