import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, Config, Interfaces } from '@oclif/core'
import type { SharedSession } from '../session/shared-session.ts'
import type { Commands } from './command-names.ts'
import { usedParts } from './used-parts.ts'

/** The class of a command. */
interface Runnable {
  id: string
  runIn(program: Program, argv: readonly string[]): Promise<unknown>
}

/** Functions that load the commands, by ID. */
export type CommandLoaders = Readonly<Record<string, () => Promise<{ default: Runnable }>>>

type Topics = Record<string, { description?: string }>

/**
 * The program's commands and topics, with the parts of oclif's Config that oclif's Command uses. It
 * reads only package.json and, for more than running a command, the manifest. oclif's own Config also looks for plugins, hooks, themes
 * and settings, which this program does not have.
 */
export class Program implements Commands {
  readonly bin: string
  readonly version: string
  readonly userAgent: string
  readonly pjson: Interfaces.PJSON
  readonly topicSeparator = ' '
  readonly platform = process.platform
  readonly plugins = new Map<string, never>()
  /** The objects that the commands of a shell share; undefined outside a shell. */
  shared: SharedSession | undefined
  readonly #root: string
  readonly #loaders: CommandLoaders
  #byId: Map<string, Command.Loadable> | undefined
  #topics: Map<string, Interfaces.Topic> | undefined

  /** @param root folder of the package. */
  constructor(root: string, loaders: CommandLoaders) {
    this.#root = root
    this.#loaders = loaders
    this.pjson = this.#read('package.json')
    const { name, version } = this.pjson
    this.bin = this.pjson.oclif.bin ?? name
    this.version = version
    this.userAgent = `${name}/${version} ${process.platform}-${process.arch} node-${process.version}`
  }

  /** This object as oclif's Config. oclif uses only the properties that it has. */
  get asConfig(): Config {
    return this as unknown as Config
  }

  /** All commands. A command with aliases appears once for each name. */
  get commands(): Command.Loadable[] {
    return [...this.#commands.values()]
  }

  get commandIDs(): string[] {
    return [...this.#commands.keys()]
  }

  get topics(): Interfaces.Topic[] {
    return [...this.#allTopics.values()]
  }

  findCommand(id: string): Command.Loadable | undefined {
    return this.#commands.get(id)
  }

  /** Whether a command has exactly this ID, which is not one of its aliases. Needs no manifest. */
  hasCommand(id: string): boolean {
    return Object.hasOwn(this.#loaders, id)
  }

  findTopic(name: string): Interfaces.Topic | undefined {
    return this.#allTopics.get(name)
  }

  /**
   * Runs a command, which reports its own errors and sets the process's exit code.
   *
   * @throws Error if there is no such command.
   */
  async runCommand(id: string, argv: readonly string[]): Promise<void> {
    const load = this.hasCommand(id) ? () => this.#load(id) : this.findCommand(id)?.load
    const command = (await load?.()) as unknown as Runnable | undefined
    if (command === undefined) throw new Error(`There is no command ${id}`)
    usedParts.add(command.id)
    await command.runIn(this, argv)
  }

  /** Called by oclif's Command; there are no plugins whose hooks could run. */
  async runHook(): Promise<Interfaces.Hook.Result<never>> {
    return { failures: [], successes: [] }
  }

  get #commands(): Map<string, Command.Loadable> {
    if (this.#byId !== undefined) return this.#byId
    const { commands } = this.#read<{ commands: Record<string, Command.Cached> }>('oclif.manifest.json')
    this.#byId = new Map()
    for (const [id, described] of Object.entries(commands)) {
      const command = { ...described, load: () => this.#load(id) }
      for (const name of [id, ...described.aliases]) this.#byId.set(name, { ...command, id: name })
    }
    return this.#byId
  }

  /** The topics of package.json, and all commands, because a command's name can be the start of another's. */
  get #allTopics(): Map<string, Interfaces.Topic> {
    if (this.#topics !== undefined) return this.#topics
    const described = Object.entries(this.pjson.oclif.topics as Topics)
    this.#topics = new Map(
      described.map(([name, { description }]) => [name, { name, ...(description && { description }) }]),
    )
    for (const { aliases, hidden, id, summary } of this.commands)
      if (!this.#topics.has(id) && !hidden && !aliases.includes(id))
        this.#topics.set(id, { name: id, ...(summary && { description: summary }) })
    return this.#topics
  }

  async #load(id: string): Promise<Command.Class> {
    const { default: command } = (await this.#loaders[id]?.()) ?? {}
    if (command === undefined) throw new Error(`The command ${id} is not built`)
    command.id = id
    return command as unknown as Command.Class
  }

  #read<T>(name: string): T {
    return JSON.parse(readFileSync(join(this.#root, name), 'utf8'))
  }
}
