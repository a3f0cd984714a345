import { VdcError } from '../../core/errors.ts'
import { wasMeant } from '../../core/nearest.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import type { Instance } from '../../guest/metadata/instance.ts'
import { type InstanceFields, instanceFields, instanceOf, keysAt, PUBLIC_KEY } from './instance-fields.ts'
import { readInstanceFile, readUserData } from './instance-file.ts'
import { readPublicKeys } from './public-keys.ts'

/** What an instance is described by. What is not given has a default. */
export interface InstanceDescription {
  /** Path of a YAML file. What follows replaces its values. */
  instance?: string | undefined
  instance_id?: string | undefined
  image_id?: string | undefined
  hostname?: string | undefined
  /** Of the first interface. */
  local_ipv4?: string | undefined
  /** Of the first interface. */
  public_ipv4?: string | undefined
  /** Of the first interface. */
  mac?: string | undefined
  /** IDs, of the first interface. */
  security_group?: readonly string[] | undefined
  /** Path of a file with public keys, one per line. */
  authorized_key?: string | undefined
  /** Path of a file of which the bytes are the user-data. */
  user_data?: string | undefined
}

/**
 * Returns the instance that a file and options describe.
 *
 * @throws VdcError FILE_REFUSED if a file cannot be read or is not valid; VALUE_REFUSED if an option is not; the error of
 *   the cancellation.
 */
export async function describeInstance(given: InstanceDescription, cancellation: Cancellation): Promise<Instance> {
  const fields = given.instance === undefined ? {} : await readInstanceFile(given.instance, cancellation)
  const described = given.instance === undefined ? instanceFields.parse({}) : checkFile(given.instance, fields)
  const { instance_id = described.instance_id, image_id = described.image_id, hostname = described.hostname } = given
  const changed = {
    ...described,
    instance_id,
    image_id,
    hostname,
    public_keys:
      given.authorized_key === undefined ? described.public_keys : await readKeys(given.authorized_key, cancellation),
    interfaces: withOptions(described.interfaces, given),
  }
  const instance = instanceOf(checkOptions(changed))
  if (given.user_data === undefined) return instance
  return { ...instance, userData: await readUserData(given.user_data, cancellation) }
}

/** Returns keys, named ssh-1, ssh-2 and so on. */
async function readKeys(path: string, cancellation: Cancellation): Promise<InstanceFields['public_keys']> {
  const keys = await readPublicKeys(path, PUBLIC_KEY, 'utf8', cancellation)
  return keys.map((key, index) => ({ name: `ssh-${index + 1}`, key }))
}

/** Returns interfaces with the options that describe the first one, which is added if there is none. */
function withOptions(
  interfaces: readonly object[],
  { local_ipv4, public_ipv4, mac, security_group }: InstanceDescription,
): object[] {
  const fields = { local_ipv4, public_ipv4, mac, security_groups: security_group }
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  if (given.length === 0) return [...interfaces]
  const [first = {}, ...rest] = interfaces
  return [{ ...first, ...Object.fromEntries(given) }, ...rest]
}

/** @throws VdcError VALUE_REFUSED that names the option. */
function checkOptions(fields: InstanceFields): ReturnType<typeof instanceFields.parse> {
  const result = instanceFields.safeParse(fields)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const names = issue?.path.filter((name) => typeof name === 'string') ?? []
  const field = String(names.at(-1)).replace('security_groups', 'security_group')
  throw new VdcError('VALUE_REFUSED', `${field} ${issue?.message}`)
}

/** @throws VdcError FILE_REFUSED that names the file and the key. */
function checkFile(path: string, fields: unknown): ReturnType<typeof instanceFields.parse> {
  const result = instanceFields.safeParse(fields)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const place = issue?.path.join('.') ?? ''
  const isUnknown = issue?.code === 'unrecognized_keys'
  const known = keysAt(issue?.path ?? [])
  const [key = ''] = isUnknown ? issue.keys : []
  const subject = place || (isUnknown ? 'it' : 'its contents')
  const problem = isUnknown ? `has the unknown key ${key}` : problemOf(issue)
  throw new VdcError('FILE_REFUSED', `The file ${path} is not valid: ${subject} ${problem}`, {
    hint: isUnknown
      ? `${wasMeant(key, known)}Known keys: ${known.join(', ')}`
      : 'Print an example with: vdc-manage metadata example',
  })
}

/** Values of YAML by the names of zod. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'text, in quotes if it looks like a number',
  array: 'a list',
  object: 'a map of keys and values',
}

function problemOf(issue: { code: string; expected?: unknown; message: string } | undefined): string {
  const type = issue?.code === 'invalid_type' ? TYPES[String(issue.expected)] : undefined
  return type === undefined ? `${issue?.message ?? 'is not valid'}` : `must be ${type}`
}
