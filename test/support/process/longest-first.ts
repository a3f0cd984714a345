import { BaseSequencer, type TestSpecification } from 'vitest/node'

/*
 * The order of test files. vitest runs the slowest of the last run first. A new clone has
 * no last run, so vitest sorts by file size instead. The files below are slow for their
 * size, some because they wait for servers.
 */

const LONGEST = [
  'guide',
  'commands/image/build',
  'commands/image/try',
  'commands/image/try-hostile',
  'guest/appliance/real-guests',
  'commands/image/prepare',
  'guest/scripts/boot',
  'guest/appliance/hostile',
  'commands/image/check-registered',
  'commands/image/add-local-prepare',
  'galera/cluster',
  'galera/hosts',
  'registry/atomicity',
  'config/config',
  'db/mysql/endless-server',
  'galera/outages',
  'commands/image/verify',
  'disk/good-images',
  'commands/image/download/resume',
  'commands/image/download/add-url',
  'disk/packed',
  'cli/completion/shells',
  'commands/names',
  'registry/concurrency',
  'galera/references',
  'db/mysql/several-hosts',
  'cli/shell/thousand',
  'commands/image/list/million',
  'commands/db/concurrent',
  'registry/finding',
  'cli/terminal/progress',
  'commands/image/convert',
  'commands/image/with-object-cut',
  'commands/image/add-many',
  'disk/damage',
  'commands/registry/export-import',
  'cli/shell/transactions',
  'cli/shell/terminal',
  'commands/image/purge',
  'commands/image/purge-unused',
  'cli/shell/script',
]

/** Runs the slowest test files first, so that no worker is left alone with one at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return at === -1 ? LONGEST.length : at
    }
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other))
  }
}
