import type { TestDatabase } from './databases.ts'
import { insert, LONG_AGO, newWakame, type Row } from './wakame.ts'

/*
 * The tables of instances as Wakame-vdc 16.1 creates them, as far as metadata depends on them.
 */

/** Columns in the order of the tables. The server names the indexes. */
const TABLES: Readonly<Record<string, string>> = {
  instances: `
    account_id varchar(255) NOT NULL, uuid varchar(255) NOT NULL, host_node_id int, image_id int NOT NULL,
    state varchar(255) NOT NULL DEFAULT 'init', status varchar(255) NOT NULL DEFAULT 'init',
    hostname varchar(32) NOT NULL, ssh_key_pair_id int, ha_enabled int NOT NULL DEFAULT 0,
    quota_weight double NOT NULL DEFAULT 0, cpu_cores int NOT NULL, memory_size int NOT NULL,
    user_data text NOT NULL, runtime_config text NOT NULL, request_params text NOT NULL, terminated_at datetime,
    created_at datetime NOT NULL, updated_at datetime NOT NULL, service_type varchar(255) NOT NULL,
    display_name varchar(255) NOT NULL, hypervisor varchar(255) NOT NULL, boot_volume_id varchar(255) NOT NULL,
    encrypted_password text,
    UNIQUE (uuid), INDEX (account_id), INDEX (host_node_id), INDEX (state), INDEX (terminated_at)`,
  network_vifs: `
    uuid varchar(255) NOT NULL, instance_id int, network_id int, nat_network_id int, mac_addr varchar(12) NOT NULL,
    device_index int NOT NULL, deleted_at datetime, created_at datetime NOT NULL, updated_at datetime NOT NULL,
    account_id varchar(255) NOT NULL,
    UNIQUE (uuid), INDEX (account_id), INDEX (deleted_at), INDEX (instance_id), INDEX (mac_addr)`,
  network_vif_ip_leases: `
    network_id int NOT NULL, network_vif_id int, ipv4 int unsigned NOT NULL, alloc_type int NOT NULL DEFAULT 0,
    description varchar(255), created_at datetime NOT NULL, updated_at datetime NOT NULL, deleted_at datetime,
    is_deleted int NOT NULL, ip_handle_id int,
    UNIQUE (network_id, network_vif_id, ipv4, is_deleted), INDEX (updated_at), INDEX (ip_handle_id, is_deleted)`,
  networks: `
    account_id varchar(255) NOT NULL, uuid varchar(255) NOT NULL, ipv4_network varchar(255) NOT NULL,
    ipv4_gw varchar(255), prefix int NOT NULL DEFAULT 24, metric int NOT NULL DEFAULT 100, domain_name varchar(255),
    dns_server varchar(255), dhcp_server varchar(255), metadata_server varchar(255), metadata_server_port int,
    nat_network_id int, dc_network_id int, description text, created_at datetime NOT NULL,
    updated_at datetime NOT NULL, gateway_network_id int, network_mode varchar(255) NOT NULL, bandwidth float,
    ip_assignment varchar(255) NOT NULL DEFAULT 'asc', editable tinyint(1) NOT NULL DEFAULT 0,
    service_type varchar(255) NOT NULL, display_name varchar(255) NOT NULL,
    UNIQUE (uuid), INDEX (account_id), INDEX (nat_network_id)`,
  security_groups: `
    account_id varchar(255) NOT NULL, uuid varchar(255) NOT NULL, created_at datetime NOT NULL,
    updated_at datetime NOT NULL, description varchar(255), rule text, service_type varchar(255) NOT NULL,
    display_name varchar(255) NOT NULL,
    UNIQUE (uuid), INDEX (account_id)`,
  network_vif_security_groups: `
    network_vif_id int NOT NULL, security_group_id int NOT NULL,
    INDEX (network_vif_id), INDEX (security_group_id)`,
  ssh_key_pairs: `
    account_id varchar(255) NOT NULL, uuid varchar(255) NOT NULL, finger_print varchar(100) NOT NULL,
    public_key text NOT NULL, private_key text, description text, created_at datetime NOT NULL,
    updated_at datetime NOT NULL, service_type varchar(255) NOT NULL, display_name varchar(255) NOT NULL,
    UNIQUE (uuid), INDEX (account_id)`,
}

/** Values of inserted rows that a test does not give, as the Ruby programs write them. */
const OWNED = { account_id: 'a-shpoolxx', created_at: LONG_AGO, updated_at: LONG_AGO }
const NAMED = { ...OWNED, service_type: 'std', display_name: '' }
const USUAL: Readonly<Record<string, Row>> = {
  instances: {
    ...NAMED,
    ...{ image_id: 1, state: 'running', status: 'online', cpu_cores: 1, memory_size: 256, user_data: '' },
    ...{ runtime_config: '--- {}\n', request_params: '--- {}\n', hypervisor: 'kvm', boot_volume_id: 'vol-x' },
  },
  network_vifs: { ...OWNED, device_index: 0, network_id: 1 },
  network_vif_ip_leases: { created_at: LONG_AGO, updated_at: LONG_AGO, network_id: 1, is_deleted: 0 },
  networks: { ...NAMED, network_mode: 'securitygroup' },
  security_groups: NAMED,
  network_vif_security_groups: {},
  ssh_key_pairs: { ...NAMED, finger_print: 'x' },
}

/** Inserts a row of a table of instances. */
export async function insertOf(database: TestDatabase, table: string, row: Row): Promise<void> {
  const given = { ...USUAL[table], ...row }
  const columns = Object.keys(given)
  await database.query(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(given),
  )
}

/** Creates a database as after an installation of Wakame-vdc 16.1, with the tables of instances, an image and two networks. */
export async function newWakameWithInstances(port: number): Promise<TestDatabase> {
  const database = await newWakame(port)
  for (const [table, columns] of Object.entries(TABLES)) {
    await database.query(
      `CREATE TABLE ${table} (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, ${columns}) ENGINE=InnoDB CHARACTER SET utf8`,
    )
  }
  await insert(database, 'images', { uuid: 'lucid', instance_model_name: 'is.small', backup_object_id: 'bo-lucid' })
  await insertOf(database, 'networks', { uuid: 'inner', ipv4_network: '127.0.0.0', ipv4_gw: '127.0.0.1', prefix: 8 })
  await insertOf(database, 'networks', { uuid: 'outer', ipv4_network: '203.0.113.0', prefix: 24, metric: 10 })
  return database
}
