import { setTimeout as sleep } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import { formatIpv4, networkOf, parseIpv4 } from '../../core/ipv4.ts'
import {
  findInstance,
  findInstanceId,
  type InstanceRow,
  type LeaseRow,
  missingInstanceTable,
  selectGroups,
  selectInstancesWith,
  selectLeases,
} from '../../db/tables/instances.ts'
import type { Instance, NetworkInterface, PublicKey } from '../../guest/metadata/instance.ts'
import type { Registry } from '../registry.ts'
import { isUuid } from '../rules/identifiers.ts'
import { asMap, readYaml } from '../rules/ruby-yaml.ts'

/**
 * The states in which a virtual machine can run, and so ask. In others, for example halted, an instance keeps
 * its address, but whoever uses it is not the instance.
 */
const RUNNING = [
  'initializing',
  'starting',
  'running',
  'migrating',
  'halting',
  'stopping',
  'shuttingdown',
  // Of older releases.
  'shutting down',
]
/** Milliseconds in which an instance must be found. */
const PATIENCE = 4000
const PREFIX = 'i-'

/** @throws VdcError SCHEMA_MISSING if a database has no instances, because it is not one of Wakame-vdc. */
export async function requireInstances({ database, settings }: Registry): Promise<void> {
  const table = await missingInstanceTable(database)
  if (table === undefined) return
  const what = settings.engine === 'sqlite' ? `The registry ${settings.path}` : `The database ${settings.database}`
  throw new VdcError('SCHEMA_MISSING', `${what} has no instances: it lacks the table ${table} of Wakame-vdc`, {
    hint: 'Describe an instance with --instance FILE or with options, or set VDC_MANAGE_DATABASE_URI to the database of Wakame-vdc',
  })
}

/**
 * Finds the running instance that has an address. Returns undefined if there is none, or several: in two
 * networks, two instances can have the same address, and neither must see what the other is told.
 *
 * @param lookUp of `batchedLookUp`.
 * @param tellSeveral is called if there are several.
 * @throws VdcError DATABASE_...
 */
export async function findByAddress(
  registry: Registry,
  lookUp: LookUp,
  address: string | undefined,
  tellSeveral: (address: string) => void,
): Promise<Instance | undefined> {
  const number = address === undefined ? undefined : parseIpv4(address)
  if (number === undefined) return undefined
  return inTime(async () => {
    const [id, other] = await lookUp(number)
    if (other !== undefined) tellSeveral(formatIpv4(number))
    return id === undefined || other !== undefined ? undefined : readInstance(registry, id)
  })
}

/**
 * Finds an instance that is not terminated by its ID.
 *
 * @throws VdcError INSTANCE_NOT_FOUND, VALUE_REFUSED, DATABASE_...
 */
export async function findById(registry: Registry, id: string): Promise<Instance> {
  const uuid = id.startsWith(PREFIX) ? id.slice(PREFIX.length) : id
  if (!isUuid(uuid))
    throw new VdcError('VALUE_REFUSED', `instance_id '${id}' is not a valid ID`, {
      hint: 'Use i- followed by letters, digits or _',
    })
  const instance = await inTime(async () => {
    const key = await findInstanceId(registry.database, uuid)
    return key === undefined ? undefined : readInstance(registry, key)
  })
  if (instance !== undefined) return instance
  throw new VdcError('INSTANCE_NOT_FOUND', `Instance ${PREFIX}${uuid} does not exist, or is terminated`)
}

/** Returns the integer IDs of the running instances that have an address. */
type LookUp = (address: number) => Promise<number[]>

/**
 * Returns a function that looks up addresses. Those that are asked for during a query are looked up together
 * by the next one, as each query reads all leases.
 */
export function batchedLookUp({ database }: Registry): LookUp {
  let running: Promise<unknown> = Promise.resolve()
  let next: { addresses: Set<number>; found: Promise<{ ipv4: number; id: number }[]> } | undefined
  const begin = () => {
    const addresses = new Set<number>()
    const found = running
      .catch(() => {})
      .then(() => {
        next = undefined
        return selectInstancesWith(database, [...addresses], RUNNING)
      })
    running = found
    return { addresses, found }
  }
  return async (address) => {
    next ??= begin()
    next.addresses.add(address)
    const rows = await next.found
    return rows.filter(({ ipv4 }) => ipv4 === address).map(({ id }) => id)
  }
}

/** Gives up waiting for a database that hangs, so that clients are told. */
async function inTime<T>(work: () => Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = sleep(PATIENCE, undefined, { signal: timer.signal }).then(() => {
    throw new VdcError('DATABASE_UNREACHABLE', `The database did not answer within ${PATIENCE / 1000} seconds`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([work(), late])
  } finally {
    timer.abort()
  }
}

async function readInstance({ database }: Registry, id: number): Promise<Instance | undefined> {
  const row = await findInstance(database, id)
  if (row === undefined) return undefined
  const leases = await selectLeases(database, id)
  const groups = await selectGroups(database, id)
  const vifs = [...new Set(leases.map(({ vif_id }) => vif_id))]
  const interfaces = vifs.flatMap((vif) =>
    interfaceOf(
      leases.filter(({ vif_id }) => vif_id === vif),
      groups.filter(({ vif_id }) => vif_id === vif).map(({ uuid }) => `sg-${uuid}`),
    ),
  )
  return {
    id: PREFIX + row.uuid,
    imageId: row.image_uuid === null ? '' : `wmi-${row.image_uuid}`,
    hostName: row.hostname,
    instanceType: await typeOf(row),
    cpuCores: row.cpu_cores,
    memorySize: row.memory_size,
    state: row.state,
    // No table has one.
    availabilityZone: '',
    publicKeys: keysOf(row),
    userData: row.user_data === null ? undefined : Buffer.from(row.user_data),
    interfaces,
  }
}

/** Returns the specification that the instance was requested with, or else the model of its image, as release 16.1 does. */
async function typeOf({ request_params, instance_model_name }: InstanceRow): Promise<string> {
  const requested = asMap(await readYaml(request_params))?.get('instance_spec_id')
  return typeof requested === 'string' ? requested : (instance_model_name ?? '')
}

/** Returns the key, without the newline that ssh-keygen put at its end. */
function keysOf({ key_uuid, public_key }: InstanceRow): PublicKey[] {
  return key_uuid === null || public_key === null ? [] : [{ name: `ssh-${key_uuid}`, key: public_key.trimEnd() }]
}

/** Returns an interface with its first local address; none if it has no local address. */
function interfaceOf(leases: readonly LeaseRow[], securityGroups: readonly string[]): NetworkInterface[] {
  const local = leases.find(({ is_local }) => is_local === 1)
  const outer = leases.find(({ is_local }) => is_local !== 1)
  if (local === undefined) return []
  const { netmask, broadcast } = networkOf(parseIpv4(local.ipv4_network) ?? local.ipv4, local.prefix)
  return [
    {
      mac: (local.mac_addr.toLowerCase().match(/../g) ?? []).join(':'),
      networkId: `nw-${local.network_uuid}`,
      localIpv4: formatIpv4(local.ipv4),
      publicIpv4: outer && formatIpv4(outer.ipv4),
      securityGroups,
      gateway: local.ipv4_gw ?? undefined,
      network: local.ipv4_network,
      netmask,
      broadcast,
      metric: local.metric,
    },
  ]
}
