import type { Database } from '../database.ts'
import { marks, select } from '../statement.ts'

/*
 * The instances of Wakame-vdc 12.03 to 16.1, as far as metadata is about them. Only read. `uuid`
 * columns have no prefix.
 */

/** The tables that the queries read. An embedded registry has only `images`. */
const TABLES = [
  'instances',
  'network_vifs',
  'network_vif_ip_leases',
  'networks',
  'network_vif_security_groups',
  'security_groups',
  'ssh_key_pairs',
] as const

/** An instance that is not terminated, with its image and its key. */
export interface InstanceRow {
  id: number
  uuid: string
  state: string
  hostname: string
  cpu_cores: number
  memory_size: number
  user_data: string | null
  /** YAML that the API wrote. */
  request_params: string | null
  image_uuid: string | null
  instance_model_name: string | null
  key_uuid: string | null
  public_key: string | null
}

/** A lease of an interface, with the network of the interface; undefined leases are left out. */
export interface LeaseRow {
  vif_id: number
  /** Twelve hexadecimal digits. */
  mac_addr: string
  ipv4: number
  /** 1 if the address is of the interface's own network, 0 if it is one outside of it. */
  is_local: number
  network_uuid: string
  ipv4_network: string
  ipv4_gw: string | null
  prefix: number
  metric: number
}

/** A security group of an interface. */
interface GroupRow {
  vif_id: number
  uuid: string
}

/** Returns the first table that a database lacks; undefined if it has all tables of instances. */
export async function missingInstanceTable({ knex }: Database): Promise<string | undefined> {
  for (const table of TABLES) if (!(await knex.schema.hasTable(table))) return table
  return undefined
}

/**
 * Returns the integer IDs of the instances that have some addresses, each once per address. The table has
 * no index by address, so ask for several at once.
 *
 * @param addresses as numbers.
 * @param states in which an instance counts.
 */
export async function selectInstancesWith(
  { knex }: Database,
  addresses: readonly number[],
  states: readonly string[],
): Promise<{ ipv4: number; id: number }[]> {
  return select<{ ipv4: number; id: number }>(
    knex,
    // The first table can be read from the unique index alone, which lacks deleted_at.
    `SELECT DISTINCT l.ipv4, i.id FROM network_vif_ip_leases AS x
      JOIN network_vif_ip_leases AS l ON l.id = x.id AND l.deleted_at IS NULL
      JOIN network_vifs AS v ON v.id = l.network_vif_id AND v.deleted_at IS NULL
      JOIN instances AS i ON i.id = v.instance_id AND i.terminated_at IS NULL AND i.state IN ${marks(states)}
      WHERE x.ipv4 IN ${marks(addresses)} AND x.is_deleted = 0`,
    [...states, ...addresses],
  )
}

/** Returns the integer ID of an instance that is not terminated, by its exact uuid. */
export async function findInstanceId({ knex }: Database, uuid: string): Promise<number | undefined> {
  const rows = await select<{ id: number; uuid: string }>(
    knex,
    'SELECT id, uuid FROM instances WHERE uuid = ? AND terminated_at IS NULL',
    [uuid],
  )
  return rows.find((row) => row.uuid === uuid)?.id
}

/** Returns an instance by its integer ID. */
export async function findInstance({ knex }: Database, id: number): Promise<InstanceRow | undefined> {
  const [row] = await select<InstanceRow>(
    knex,
    `SELECT i.id, i.uuid, i.state, i.hostname, i.cpu_cores, i.memory_size, i.user_data, i.request_params,
      m.uuid AS image_uuid, m.instance_model_name, k.uuid AS key_uuid, k.public_key FROM instances AS i
      LEFT JOIN images AS m ON m.id = i.image_id
      LEFT JOIN ssh_key_pairs AS k ON k.id = i.ssh_key_pair_id
      WHERE i.id = ? AND i.terminated_at IS NULL`,
    [id],
  )
  return row
}

/** Returns the leases of an instance's interfaces, in the order of the interfaces. */
export async function selectLeases({ knex }: Database, instanceId: number): Promise<LeaseRow[]> {
  return select<LeaseRow>(
    knex,
    // The index of leases starts with the network, so they are looked up in each network.
    `SELECT v.id AS vif_id, v.mac_addr, l.ipv4, l.network_id = v.network_id AS is_local, n.uuid AS network_uuid,
      n.ipv4_network, n.ipv4_gw, n.prefix, n.metric FROM network_vifs AS v
      JOIN networks AS n ON n.id = v.network_id
      STRAIGHT_JOIN networks AS o
      STRAIGHT_JOIN network_vif_ip_leases AS l ON l.network_id = o.id AND l.network_vif_id = v.id
      WHERE v.instance_id = ? AND v.deleted_at IS NULL AND l.is_deleted = 0 AND l.deleted_at IS NULL
      ORDER BY v.device_index, v.id, l.id`,
    [instanceId],
  )
}

/** Returns the security groups of an instance's interfaces. */
export async function selectGroups({ knex }: Database, instanceId: number): Promise<GroupRow[]> {
  return select<GroupRow>(
    knex,
    `SELECT s.network_vif_id AS vif_id, g.uuid FROM network_vifs AS v
      JOIN network_vif_security_groups AS s ON s.network_vif_id = v.id
      JOIN security_groups AS g ON g.id = s.security_group_id
      WHERE v.instance_id = ? AND v.deleted_at IS NULL ORDER BY s.id`,
    [instanceId],
  )
}
