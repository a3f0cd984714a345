import * as z from 'zod/mini'
import { networkOf, parseIpv4 } from '../../core/ipv4.ts'
import type { Instance, NetworkInterface } from '../../guest/metadata/instance.ts'
import { whole } from '../rules/numbers.ts'
import { line, matching, text } from '../rules/texts.ts'

/** A line of authorized_keys(5) without options. RSA keys have up to 3 KB. */
export const PUBLIC_KEY =
  /^(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]{1,60} +[A-Za-z0-9+/]{16,8192}=*(?: [^\p{Cc}\p{Zl}\p{Zp}]{0,255})?$/u

const ipv4 = line.check(z.refine((value) => parseIpv4(value) !== undefined, 'must be an IPv4 address'))
const idOf = (prefix: string) =>
  matching(new RegExp(`^${prefix}[A-Za-z0-9_]+$`), `must be ${prefix} and letters, digits or underscores`)

const networkInterface = z.strictObject({
  mac: z.prefault(
    z.pipe(
      matching(/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i, 'must be six pairs of hexadecimal digits with colons'),
      z.transform((value) => value.toLowerCase()),
    ),
    '52:54:00:12:34:56',
  ),
  network_id: z.prefault(idOf('nw-'), 'nw-demo1'),
  local_ipv4: z.prefault(ipv4, '10.0.2.15'),
  public_ipv4: z.optional(ipv4),
  prefix: z.prefault(whole(0, 32), 24),
  gateway: z.optional(ipv4),
  metric: z.prefault(whole(0, 65535), 100),
  security_groups: z.prefault(z.array(idOf('sg-')), []),
})

const publicKey = z.strictObject({
  name: z.prefault(matching(/^[^=\n]+$/, 'must not be empty or contain ='), 'ssh-demo1'),
  key: z
    .string('must be a public key')
    .check(z.refine((value) => PUBLIC_KEY.test(value), 'must be a public key, such as ssh-ed25519 AAAAC3Nz... me')),
})

/** The fields of an instance in a file. All have defaults. */
export const instanceFields = z.strictObject({
  instance_id: z.prefault(idOf('i-'), 'i-demo1'),
  image_id: z.prefault(idOf('wmi-'), 'wmi-demo1'),
  // Wakame-vdc takes no others.
  hostname: z.prefault(
    matching(/^[0-9a-z][0-9a-z-]{0,31}$/, 'must be up to 32 lower-case letters, digits and hyphens'),
    'demo1',
  ),
  instance_type: z.prefault(line, 'is-demospec'),
  cpu_cores: z.prefault(whole(1, 4096), 1),
  memory_size: z.prefault(whole(1, 2 ** 31 - 1), 512),
  state: z.prefault(line, 'running'),
  availability_zone: z.prefault(line, ''),
  public_keys: z.prefault(z.array(publicKey), []),
  user_data: z.optional(text),
  interfaces: z.prefault(
    z
      .array(networkInterface)
      .check(
        z.refine((all) => new Set(all.map(({ mac }) => mac)).size === all.length, 'must have different mac values'),
      ),
    [{}],
  ),
})

/** An instance, as far as it is described. */
export type InstanceFields = z.input<typeof instanceFields>

/** Returns the instance that validated fields describe. */
export function instanceOf(fields: z.output<typeof instanceFields>): Instance {
  return {
    id: fields.instance_id,
    imageId: fields.image_id,
    hostName: fields.hostname,
    instanceType: fields.instance_type,
    cpuCores: fields.cpu_cores,
    memorySize: fields.memory_size,
    state: fields.state,
    availabilityZone: fields.availability_zone,
    publicKeys: fields.public_keys,
    userData: fields.user_data === undefined ? undefined : Buffer.from(fields.user_data),
    interfaces: fields.interfaces.map(interfaceOf),
  }
}

function interfaceOf(fields: z.output<typeof networkInterface>): NetworkInterface {
  return {
    mac: fields.mac,
    networkId: fields.network_id,
    localIpv4: fields.local_ipv4,
    publicIpv4: fields.public_ipv4,
    securityGroups: fields.security_groups,
    gateway: fields.gateway,
    metric: fields.metric,
    ...networkOf(parseIpv4(fields.local_ipv4) as number, fields.prefix),
  }
}

/** Returns the keys of the map at a path in the fields. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  const maps: Record<PropertyKey, object> = { interfaces: networkInterface.shape, public_keys: publicKey.shape }
  return Object.keys(maps[path[0] ?? ''] ?? instanceFields.shape)
}
