import type { Instance } from './instance.ts'

/** What release 11.06 serves of an instance in one document. */
interface Values {
  instance_id: string
  cpu_cores: number
  memory_size: number
  state: string
  user_data: string
  network: { ip: string; uuid: string }[][]
  /** Always empty: the release has a list of nothing. */
  volume: never[]
}

/**
 * Returns the documents of release 11.06, without a final newline: all values as JSON, YAML or assignments of a shell.
 *
 * @param name such as `metadata.json`, below a version.
 * @returns undefined if there is no such document.
 */
export async function documentOf(instance: Instance, name: string): Promise<string | undefined> {
  const values: Values = {
    instance_id: instance.id,
    cpu_cores: instance.cpuCores,
    memory_size: instance.memorySize,
    state: instance.state,
    user_data: instance.userData?.toString() ?? '',
    network: instance.interfaces.map(({ localIpv4, networkId }) => [{ ip: localIpv4, uuid: networkId }]),
    volume: [],
  }
  if (name === 'metadata.json') return JSON.stringify(values)
  if (name === 'metadata.sh') return assignments(values)
  return name === 'metadata.yaml' ? yaml(values) : undefined
}

/** Quotes values for a shell, which release 11.06 leaves to the shell's luck. Lists are as Ruby prints them. */
function assignments({ network, volume, ...values }: Values): string {
  const nets = network.map((each) => `[${each.map(({ ip, uuid }) => `{:ip=>"${ip}", :uuid=>"${uuid}"}`).join(', ')}]`)
  return Object.entries({ ...values, network: `[${nets.join(', ')}]`, volume: `[${volume.join()}]` })
    .map(([name, value]) => `${name.toUpperCase()}='${String(value).replaceAll("'", "'\\''")}'`)
    .join('\n')
}

/** Returns YAML with Ruby's symbols as keys. */
async function yaml(values: Values): Promise<string> {
  const { stringify } = await import('yaml')
  const withSymbols = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(withSymbols)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [`:${key}`, withSymbols(each)]))
  }
  // Ruby reads version 1.1, in which `yes` and `1:30` are no texts unless they are quoted.
  const text = stringify(withSymbols(values), { indentSeq: false, lineWidth: 0, singleQuote: true, version: '1.1' })
  return `---\n${text}`.replace(/\n$/, '')
}
