import type { ImageRow } from '../../db/tables/rows.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { asMap, readYaml, type Yaml } from '../rules/ruby-yaml.ts'

const COLUMNS = ['features', 'volumes', 'vifs'] as const
type Columns = Pick<ImageRow, (typeof COLUMNS)[number]>
type ReadColumns = Record<keyof Columns, Yaml>

/** Parses the YAML columns of an image. Features that are not a map are a problem, too. */
export async function readYamlColumns({ features, volumes, vifs }: Columns): Promise<ReadColumns> {
  const read = { features: await readYaml(features), volumes: await readYaml(volumes), vifs: await readYaml(vifs) }
  if (!('problem' in read.features) && asMap(read.features) === undefined)
    read.features = { problem: 'it is not a map' }
  return read
}

/** Returns the columns that cannot be read, each with a reason that reads on after the column's name. */
export function yamlProblems(read: ReadColumns): { column: keyof Columns; why: string }[] {
  return COLUMNS.flatMap((column) => {
    const yaml = read[column]
    return 'problem' in yaml ? [{ column, why: `hold YAML that cannot be read: ${yaml.problem}` }] : []
  })
}

/**
 * Parses the YAML columns of an image, and warns about columns that cannot be read: one
 * such row makes every list of the Ruby programs fail (dcmgr.md, "YAML columns").
 */
export async function readYamlColumnsOf(
  registry: Registry,
  row: Columns & Pick<ImageRow, 'uuid'>,
): Promise<ReadColumns> {
  const read = await readYamlColumns(row)
  for (const { column, why } of yamlProblems(read))
    registry.warn(`The ${column} of ${canonicalId('image', row.uuid)} ${why}`)
  return read
}

/** The maximum number of readable texts to remember per column. */
const MOST_KNOWN = 50

/**
 * Returns a function that warns as `readYamlColumnsOf` does. Most rows have one of a few
 * texts, and each of these is parsed only once.
 */
export function yamlWarnings(registry: Registry): (row: Columns & Pick<ImageRow, 'uuid'>) => Promise<void> | undefined {
  const known = { features: new Set<string | null>(), volumes: new Set<string>(), vifs: new Set<string>() }
  const isKnown = ({ features, volumes, vifs }: Columns) =>
    known.features.has(features) && known.volumes.has(volumes) && known.vifs.has(vifs)
  const look = async (row: Columns & Pick<ImageRow, 'uuid'>) => {
    const read = await readYamlColumnsOf(registry, row)
    for (const column of COLUMNS) {
      const texts = known[column] as Set<string | null>
      if (!('problem' in read[column]) && texts.size < MOST_KNOWN) texts.add(row[column])
    }
  }
  return (row) => (isKnown(row) ? undefined : look(row))
}
