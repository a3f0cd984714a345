/*
 * What is known of values that a command does not insist on: the manifest has
 * them in sentences only.
 */

type Values = readonly string[]

/** How the lists are sorted, by the ids of their commands. */
const SORT_KEYS: Readonly<Record<string, () => Promise<ReadonlyMap<string, unknown>>>> = {
  'account:list': async () => (await import('../../registry/account/list.ts')).ACCOUNT_SORT_KEYS,
  'backupobject:list': async () => (await import('../../registry/backup-object/list.ts')).OBJECT_SORT_KEYS,
  'backupstorage:list': async () => (await import('../../registry/backup-storage/list.ts')).STORAGE_SORT_KEYS,
  'image:list': async () => (await import('../../registry/image/list-request.ts')).IMAGE_SORT_KEYS,
}

/** The values that the lists' filters know. */
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

/** The names that an option of a command takes; undefined where nobody can know them. */
export async function knownValues(command: string, option: string): Promise<Values | undefined> {
  if (option === 'columns') {
    const { namesOf } = await import('../answer/keys.ts')
    return namesOf(command)
  }
  if (option === 'sort') return [...((await SORT_KEYS[command]?.())?.keys() ?? [])]
  return (await filterValues())[command]?.[option]
}
