/*
 * Known values of options that also accept others. The manifest has them only in the text of
 * summaries.
 */

type Values = readonly string[]

/** The sort keys of lists, by command ID. */
const SORT_KEYS: Readonly<Record<string, () => Promise<ReadonlyMap<string, unknown>>>> = {
  'account:list': async () => (await import('../../registry/account/list.ts')).ACCOUNT_SORT_KEYS,
  'backupobject:list': async () => (await import('../../registry/backup-object/list.ts')).OBJECT_SORT_KEYS,
  'backupstorage:list': async () => (await import('../../registry/backup-storage/list.ts')).STORAGE_SORT_KEYS,
  'image:list': async () => (await import('../../registry/image/list-request.ts')).IMAGE_SORT_KEYS,
}

/** Returns the known values of the lists' filters, by command ID and option. */
async function filterValues(): Promise<Readonly<Record<string, Readonly<Record<string, Values>>>>> {
  const values = await import('../../registry/rules/values.ts')
  return {
    'backupobject:list': { state: values.OBJECT_STATES, 'container-format': values.CONTAINER_FORMATS },
    'backupstorage:list': { 'storage-type': values.STORAGE_TYPES },
    'image:list': {
      state: values.IMAGE_STATES,
      arch: values.ARCHES,
      'os-type': values.OS_TYPES,
      'file-format': values.FILE_FORMATS,
    },
  }
}

/** Returns the IDs and groups of the checks of guests. */
async function checkNames(): Promise<Values> {
  return (await import('../../registry/image/check/check-guests.ts')).CHECK_NAMES
}

/** Returns the known values of an option; undefined if there are none. */
export async function knownValues(command: string, option: string): Promise<Values | undefined> {
  if (option === 'columns') {
    const { namesOf } = await import('../answer/keys.ts')
    return namesOf(command)
  }
  if (option === 'sort') return [...((await SORT_KEYS[command]?.())?.keys() ?? [])]
  if (command === 'image:check' && ['only', 'skip'].includes(option)) return checkNames()
  return (await filterValues())[command]?.[option]
}
