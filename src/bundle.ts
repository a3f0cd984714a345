import type { CommandLoaders } from './cli/start/program.ts'

/*
 * The entry point of dist/program.cjs, which contains the whole program except its hashing threads.
 * It only defines functions; each loads its part of the program when it is called.
 */

export { usedParts } from './cli/start/used-parts.ts'

/** Functions that load the commands, by ID as in the manifest. */
export const COMMANDS: CommandLoaders = {
  'account:add': () => import('./commands/account/add.ts'),
  'account:del': () => import('./commands/account/del.ts'),
  'account:list': () => import('./commands/account/list.ts'),
  'account:modify': () => import('./commands/account/modify.ts'),
  'account:show': () => import('./commands/account/show.ts'),
  'backupobject:add': () => import('./commands/backupobject/add.ts'),
  'backupobject:del': () => import('./commands/backupobject/del.ts'),
  'backupobject:list': () => import('./commands/backupobject/list.ts'),
  'backupobject:modify': () => import('./commands/backupobject/modify.ts'),
  'backupobject:show': () => import('./commands/backupobject/show.ts'),
  'backupstorage:add': () => import('./commands/backupstorage/add.ts'),
  'backupstorage:del': () => import('./commands/backupstorage/del.ts'),
  'backupstorage:list': () => import('./commands/backupstorage/list.ts'),
  'backupstorage:modify': () => import('./commands/backupstorage/modify.ts'),
  'backupstorage:show': () => import('./commands/backupstorage/show.ts'),
  'backupstorage:trust': () => import('./commands/backupstorage/trust.ts'),
  completion: () => import('./commands/completion.ts'),
  'db:migrate': () => import('./commands/db/migrate.ts'),
  'db:status': () => import('./commands/db/status.ts'),
  doctor: () => import('./commands/doctor.ts'),
  'guest:script': () => import('./commands/guest/script.ts'),
  'image:add:local': () => import('./commands/image/add/local.ts'),
  'image:add:url': () => import('./commands/image/add/url.ts'),
  'image:add:volume': () => import('./commands/image/add/volume.ts'),
  'image:build': () => import('./commands/image/build.ts'),
  'image:check': () => import('./commands/image/check.ts'),
  'image:convert': () => import('./commands/image/convert.ts'),
  'image:del': () => import('./commands/image/del.ts'),
  'image:export': () => import('./commands/image/export.ts'),
  'image:features': () => import('./commands/image/features.ts'),
  'image:history': () => import('./commands/image/history.ts'),
  'image:inspect': () => import('./commands/image/inspect.ts'),
  'image:install': () => import('./commands/image/install.ts'),
  'image:label': () => import('./commands/image/label.ts'),
  'image:list': () => import('./commands/image/list.ts'),
  'image:modify': () => import('./commands/image/modify.ts'),
  'image:orphans': () => import('./commands/image/orphans.ts'),
  'image:prepare': () => import('./commands/image/prepare.ts'),
  'image:protect': () => import('./commands/image/protect.ts'),
  'image:purge': () => import('./commands/image/purge.ts'),
  'image:show': () => import('./commands/image/show.ts'),
  'image:try': () => import('./commands/image/try.ts'),
  'image:undelete': () => import('./commands/image/undelete.ts'),
  'image:unprotect': () => import('./commands/image/unprotect.ts'),
  'image:verify': () => import('./commands/image/verify.ts'),
  'metadata:example': () => import('./commands/metadata/example.ts'),
  'metadata:serve': () => import('./commands/metadata/serve.ts'),
  'registry:export': () => import('./commands/registry/export.ts'),
  'registry:import': () => import('./commands/registry/import.ts'),
  shell: () => import('./commands/shell.ts'),
}

/** Runs the program (src/cli/start/main.ts). */
export async function main(argv: readonly string[], root: string): Promise<void> {
  const { main } = await import('./cli/start/main.ts')
  await main(argv, root, COMMANDS)
}

/** Completes a word for the user's shell (src/cli/completion/answer.ts). */
export async function answerCompletion(argv: readonly string[], root: string): Promise<never> {
  const { answerCompletion } = await import('./cli/completion/answer.ts')
  return answerCompletion(argv, root)
}

/** Loads the texts and functions from which scripts/manual.js makes the manual. */
export async function loadManual() {
  const [about, { ERRORS }, { EXIT_STATUS }, { describe, spaced }, { HELP_TOPICS }, { Program }, { CHECKS }] =
    await Promise.all([
      import('./cli/start/about.ts'),
      import('./core/errors.ts'),
      import('./cli/errors/exit-status.ts'),
      import('./cli/help/describe.ts'),
      import('./cli/help/topics.ts'),
      import('./cli/start/program.ts'),
      import('./guest/checks/index.ts'),
    ])
  return { ...about, CHECKS, ERRORS, EXIT_STATUS, describe, spaced, HELP_TOPICS, Program }
}
