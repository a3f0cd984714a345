/** The rows of lists by noun, and how to add the first one. */
const LISTS = {
  image: { things: 'images', add: 'Register one with: vdc-manage image add local PATH --account-id ID' },
  account: { things: 'accounts', add: 'Create one with: vdc-manage account add' },
  backupobject: { things: 'backup objects', add: 'Add one with: vdc-manage backupobject add --from-file PATH' },
  backupstorage: {
    things: 'backup storages',
    add: 'Registering a file creates one, as does: vdc-manage backupstorage add',
  },
} as const

/** Options of lists that leave out no rows. */
const NO_FILTERS: readonly string[] = [
  ...['format', 'json', 'columns', 'no-header', 'relative', 'no-color', 'debug'],
  ...['quiet', 'sort', 'array', 'all'],
]

/**
 * Says why a list is empty, and what to do about it.
 *
 * @param given the options of the command, by name.
 */
export function emptyList(noun: keyof typeof LISTS, given: object): string {
  const { things, add } = LISTS[noun]
  const filters = Object.entries(given).filter(([name, value]) => value !== undefined && !NO_FILTERS.includes(name))
  if (filters.length > 0) return `No ${things} match. List all with: vdc-manage ${noun} list --all`
  return `No ${things}. ${add}`
}
