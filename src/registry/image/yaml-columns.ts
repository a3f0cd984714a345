import type { ImageRow } from '../../db/rows.ts'
import { canonicalId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { asMap, readYaml, type Yaml } from '../yaml.ts'

const COLUMNS = ['features', 'volumes', 'vifs'] as const
type Columns = Pick<ImageRow, (typeof COLUMNS)[number]>

/**
 * Reads the YAML columns of an image, and warns of what can't be read: one such
 * row makes the Ruby programs' whole listing fail (dcmgr.md, "YAML columns").
 */
export async function readYamlColumns(
  registry: Registry,
  row: Columns & Pick<ImageRow, 'uuid'>,
): Promise<Record<keyof Columns, Yaml>> {
  const read = {
    features: await readYaml(row.features),
    volumes: await readYaml(row.volumes),
    vifs: await readYaml(row.vifs),
  }
  if (!('problem' in read.features) && asMap(read.features) === undefined) read.features = { problem: 'it is no map' }
  for (const column of COLUMNS) {
    const yaml = read[column]
    if (!('problem' in yaml)) continue
    registry.warn(`The ${column} of ${canonicalId('image', row.uuid)} hold YAML that can not be read: ${yaml.problem}`)
  }
  return read
}

/** Readable texts of a column that are remembered. */
const MOST_KNOWN = 50

/**
 * Makes a function that warns as `readYamlColumns` does. Most rows hold one of a few texts,
 * and each of these is read once.
 */
export function yamlWarnings(registry: Registry): (row: Columns & Pick<ImageRow, 'uuid'>) => Promise<void> | undefined {
  const known = { features: new Set<string | null>(), volumes: new Set<string>(), vifs: new Set<string>() }
  const isKnown = ({ features, volumes, vifs }: Columns) =>
    known.features.has(features) && known.volumes.has(volumes) && known.vifs.has(vifs)
  const look = async (row: Columns & Pick<ImageRow, 'uuid'>) => {
    const read = await readYamlColumns(registry, row)
    for (const column of COLUMNS) {
      const texts = known[column] as Set<string | null>
      if (!('problem' in read[column]) && texts.size < MOST_KNOWN) texts.add(row[column])
    }
  }
  return (row) => (isKnown(row) ? undefined : look(row))
}
