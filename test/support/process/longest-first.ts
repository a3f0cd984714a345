import { BaseSequencer, type TestSpecification } from 'vitest/node'

/*
 * The order of test files. vitest runs the slowest of the last run first. A new clone has
 * no last run, so vitest sorts by file size instead. The files below are slow for their
 * size, some because they wait for servers. Those that only wait run beside emulated
 * guests, so that both cores are busy.
 */

const LONGEST = [
  'guide',
  'commands/image/build',
  'commands/image/try',
  'config/config',
  'commands/image/prepare',
  'db/mysql/endless-server',
  'guest/appliance/real-guests',
  'guest/scripts/boot',
  'galera/hosts',
  'commands/image/try-hostile',
  'guest/appliance/hostile',
  'db/mysql/several-hosts',
  'commands/image/check-registered',
  'commands/image/add-local-prepare',
  'galera/cluster',
  'cli/completion/shells',
  'registry/atomicity',
  'galera/outages',
  'commands/image/verify',
  'disk/good-images',
  'commands/registry/many-lines',
  'cli/start/code-cache',
  'guest/scripts/metadata-script',
  'commands/image/validation/validation-bad-input',
  'disk/real-images',
  'commands/image/download/resume',
  'commands/image/download/add-url',
  'disk/packed',
  'commands/names',
  'registry/concurrency',
  'galera/references',
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
