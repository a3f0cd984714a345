import type { Block } from './blocks.ts'

/** A help topic. Its text is loaded on demand. */
export interface HelpTopic {
  summary: string
  load(): Promise<readonly Block[]>
}

/** The topics of `vdc-manage help TOPIC`, by name. The topic `shell` is part of the help of the command `shell`. */
export const HELP_TOPICS: Readonly<Record<string, HelpTopic>> = {
  output: {
    summary: 'Output formats, columns and common options.',
    load: async () => (await import('./topics/output.ts')).OUTPUT,
  },
  'exit-codes': {
    summary: 'Exit codes and their meanings.',
    load: async () => (await import('./topics/exit-codes.ts')).EXIT_CODES,
  },
  environment: {
    summary: 'Environment variables, files and database URIs.',
    load: async () => (await import('./topics/environment.ts')).ENVIRONMENT_TOPIC,
  },
  shell: {
    summary: 'Scripts, syntax and transactions of the shell.',
    load: async () => (await import('./topics/shell.ts')).SHELL_TOPIC,
  },
  scripting: {
    summary: 'IDs, errors, dry runs and confirmation in scripts.',
    load: async () => (await import('./topics/scripting.ts')).SCRIPTING,
  },
  metadata: {
    summary: 'How instances get host name, SSH keys and user-data.',
    load: async () => (await import('./topics/metadata.ts')).METADATA_TOPIC,
  },
  formats: {
    summary: 'Disk image and container formats that can be registered.',
    load: async () => (await import('./topics/formats.ts')).FORMATS_TOPIC,
  },
}

/** Finds a help topic by name; undefined if there is none. */
export function findHelpTopic(name: string | undefined): HelpTopic | undefined {
  return name !== undefined && Object.hasOwn(HELP_TOPICS, name) ? HELP_TOPICS[name] : undefined
}
