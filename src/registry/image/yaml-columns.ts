import type { ImageRow } from '../../db/tables/rows.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { asMap, readYaml, type Yaml } from '../rules/ruby-yaml.ts'

const COLUMNS = ['features', 'volumes', 'vifs'] as const
type Columns = Pick<ImageRow, (typeof COLUMNS)[number]>
type ReadColumns = Record<keyof Columns, Yaml>

/** Reads the YAML columns of an image; features that are not a map have a problem, too. */
export async function readYamlColumns({ features, volumes, vifs }: Columns): Promise<ReadColumns> {
  const read = { features: await readYaml(features), volumes: await readYaml(volumes), vifs: await readYaml(vifs) }
  if (!('problem' in read.features) && asMap(read.features) === undefined) read.features = { problem: 'it is no map' }
  return read
}

/** The columns that cannot be read, and why, in words that follow the column's name. */
export function yamlProblems(read: ReadColumns): { column: keyof Columns; why: string }[] {
  return COLUMNS.flatMap((column) => {
    const yaml = read[column]
    return 'problem' in yaml ? [{ column, why: `hold YAML that cannot be read: ${yaml.problem}` }] : []
  })
}

/**
 * As `readYamlColumns`, and warns of columns that cannot be read: one such row makes
 * the Ruby programs' whole listing fail (dcmgr.md, "YAML columns").
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

/** Readable texts of a column that are remembered. */
const MOST_KNOWN = 50

/**
 * Makes a function that warns as `readYamlColumnsOf` does. Most rows hold one of a few texts,
 * and each of these is read once.
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
