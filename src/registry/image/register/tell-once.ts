import type { Change } from '../../change.ts'
import { withDryRun } from '../../dry-run.ts'
import type { Registry } from '../../registry.ts'

/**
 * Returns a registry for several items. In a dry run, where the rows of each item are rolled back, rows that several
 * items would need, such as those of a storage, are reported once.
 *
 * @returns `next` must be called before each item.
 */
export function tellingOnce(registry: Registry): { told: Registry; next: () => void } {
  const { onChange } = registry
  if (onChange === undefined) return { told: registry, next: () => {} }
  const earlier = new Set<string>()
  let own: string[] = []
  const tell = (change: Change) => {
    if (!('table' in change)) return onChange(change)
    if (earlier.has(change.id)) return
    own.push(change.id)
    onChange(change)
  }
  const next = () => {
    for (const id of own) earlier.add(id)
    own = []
  }
  return { told: withDryRun(registry, tell), next }
}
