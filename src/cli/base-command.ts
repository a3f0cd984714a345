import { Command, Flags } from '@oclif/core'
import { asVdcError, type ErrorCode, type ErrorJson, VdcError } from '../errors.ts'
import type { Interruption } from '../interruption.ts'
import type { Registry, Watcher } from '../registry/registry.ts'
import { untilInterrupted } from './interruptible.ts'
import { renderJson } from './json.ts'
import { isHoldingAll, outputClosed, writeNote, writeOut } from './output.ts'
import { printable } from './printable.ts'
import { errorText, reportError } from './report-error.ts'
import { debugging, openConfigured, sharedRegistry } from './shared-registry.ts'
import { originalSpelling } from './spelling.ts'
import { type Column, renderFields, renderTable } from './table.ts'

const NO_PROGRESS: Watcher['progress'] = { begin: () => ({ advance() {}, end() {} }) }
/** Exit code of a command on several things of which some failed. */
const PARTLY_DONE = 9
/** Errors that concern the database itself: what comes next would fail too. */
const FINAL: readonly ErrorCode[] = [
  'DATABASE_UNREACHABLE',
  'DATABASE_REFUSED',
  'COMMIT_UNCERTAIN',
  'SCHEMA_MISSING',
  'INTERRUPTED',
  'TERMINATED',
]

function isFinal(code: ErrorCode): boolean {
  return FINAL.includes(code) || (code === 'DATABASE_BUSY' && sharedRegistry()?.isTogether === true)
}

/** What became of one of several things, where it failed. */
export type Failure = { id: string } & ErrorJson

/** What every command shares: `--json`, `--debug`, the registry, answers and errors. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true
  static override baseFlags = {
    debug: Flags.boolean({ summary: 'Tell on stderr what is done, and of errors the stack.', helpGroup: 'GLOBAL' }),
  }
  /** The exit codes that the command's help lists. */
  static exits: readonly number[] = []

  /** An id that is stored and must reach somebody, whatever happens to stdout. */
  #storedId: string | undefined
  #interruption: Interruption | undefined

  protected get debugging(): boolean {
    return isDebugging(this.argv)
  }

  /** Opens the registry for `work`, and closes it whatever happens; in a shell it stays open. */
  protected async withRegistry<T>(work: (registry: Registry) => Promise<T>): Promise<T> {
    debugging.on = this.debugging
    const shared = sharedRegistry()
    if (shared !== undefined) return work(await shared.get())
    const registry = await openConfigured(this.config, this.#interruption)
    try {
      return await work(registry)
    } finally {
      // What is committed stays so, however the goodbye goes.
      await registry.close().catch(() => {})
    }
  }

  /**
   * Does long work that Ctrl-C, SIGINT or SIGTERM ends with nothing half done,
   * also what it does in the registry.
   *
   * @throws VdcError INTERRUPTED, TERMINATED, and what `work` throws.
   */
  protected interruptible<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
    return untilInterrupted((interruption) => {
      this.#interruption = interruption
      return work(interruption)
    })
  }

  /**
   * As `interruptible`, and shows at a terminal how far the work is.
   *
   * @param work passes its watcher to what takes long.
   */
  protected async watched<T>(work: (watcher: Watcher) => Promise<T>): Promise<T> {
    const progress = process.stderr.isTTY ? (await import('./progress.ts')).terminalProgress() : NO_PROGRESS
    return this.interruptible((cancellation) => work({ cancellation, progress }))
  }

  /** Prints the id of what was just stored: after the commit, alone on its line. */
  protected async printId(id: string): Promise<void> {
    this.#storedId = id
    if (!this.jsonEnabled()) await this.#print(`${id}\n`, { mustBeRead: true })
  }

  /** Prints a finished text, such as a table; nothing under `--json`. */
  protected async printText(text: string): Promise<void> {
    if (!this.jsonEnabled()) await this.#print(`${text}\n`, { mustBeRead: false })
  }

  /**
   * Prints how many there are, alone on its line.
   *
   * @returns what `--json` prints.
   */
  protected async printCount(n: number): Promise<{ count: number }> {
    await this.printText(`${n}`)
    return { count: n }
  }

  /**
   * Prints a list as a table or, as they come, its ids alone.
   *
   * @returns the rows, for `--json`.
   */
  protected async printList<T extends { id: string }>(
    rows: AsyncIterable<T> | Promise<T[]>,
    options: { columns: readonly Column<T>[]; idsOnly: boolean },
  ): Promise<T[]> {
    if (options.idsOnly) {
      for await (const row of 'then' in rows ? await rows : rows) if (!(await writeOut(`${row.id}\n`))) break
      return []
    }
    const all: T[] = []
    for await (const row of 'then' in rows ? await rows : rows) all.push(row)
    if (!this.jsonEnabled()) await this.printText(await renderTable(options.columns, all))
    return all
  }

  /**
   * Shows things one after the other, or without ids runs the command that lists
   * them, with the options of this one.
   *
   * @param list id and options of that command; beside ids its options are refused.
   * @returns what `--json` prints: the one thing, or an array of several.
   * @throws VdcError USAGE.
   */
  protected async showOrList<T extends object>(
    ids: readonly string[] | undefined,
    given: object,
    list: { id: string; options: object },
    show: (registry: Registry, id: string) => Promise<T>,
  ): Promise<T | (T | Failure)[] | undefined> {
    if (ids === undefined) {
      await this.config.runCommand(list.id, [...this.argv])
      return undefined
    }
    const isGiven = (option: string) => ![undefined, false].includes(given[option as keyof typeof given])
    const stray = Object.keys(list.options).find(isGiven)
    if (stray !== undefined) {
      throw new VdcError('USAGE', `--${stray} chooses from a list, and ids are given`, {
        hint: 'Leave one of them out',
      })
    }
    return this.withRegistry((registry) =>
      this.forEachId(ids, async (id) => {
        const thing = await show(registry, id)
        await this.printText(renderFields(thing))
        return thing
      }),
    )
  }

  /**
   * Makes sure that options are given which only some uses of a command need.
   *
   * @param names with `_`, as in `given`.
   * @throws VdcError USAGE that names those that are missing.
   */
  protected requireOptions<T extends object, K extends keyof T & string>(
    given: T,
    names: readonly K[],
    hint: string,
  ): T & { [P in K]: NonNullable<T[P]> } {
    const missing = names.filter((name) => given[name] === undefined).map((name) => `--${name.replaceAll('_', '-')}`)
    if (missing.length > 0) throw new VdcError('USAGE', `Missing option ${missing.join(', ')}`, { hint })
    return given as T & { [P in K]: NonNullable<T[P]> }
  }

  /**
   * Says so where nothing is given that is to be changed: as in the original that
   * is no error, but options that got lost on the way should not go unnoticed.
   *
   * @param given the options of the command.
   */
  protected async noteNoChange(given: object): Promise<void> {
    const own = Object.keys(this.ctor.flags)
    if (Object.entries(given).some(([name, value]) => own.includes(name) && value !== undefined)) return
    await writeNote('Nothing is given that is to be changed')
  }

  /** Says something to a person, on stderr. */
  protected async note(text: string): Promise<void> {
    await writeNote(text)
  }

  /** Tells of what is done all the same, and should be known. */
  protected async noteWarning(text: string): Promise<void> {
    await writeNote(`Warning: ${printable(text)}`)
  }

  /** Tells an error that comes with an answer, which under `--json` holds it, and ends with its exit code. */
  protected async noteError(error: VdcError): Promise<void> {
    process.exitCode = error.exit
    if (!this.jsonEnabled() || isHoldingAll()) await writeNote(errorText(error))
  }

  /**
   * Does the same to each of several things and goes on past one that fails:
   * then the exit code is 9. A single thing fails with its own exit code.
   *
   * @returns what `--json` prints: the one result, or an array of several.
   */
  protected async forEachId<T>(
    ids: readonly string[],
    work: (id: string) => Promise<T>,
  ): Promise<T | (T | Failure)[] | undefined> {
    const results: (T | Failure)[] = []
    for (const id of ids) {
      try {
        results.push(await work(id))
      } catch (thrown) {
        const error = asVdcError(thrown)
        if (ids.length === 1 || isFinal(error.code)) throw error
        await this.noteError(error)
        process.exitCode = PARTLY_DONE
        results.push({ id, ...error.toJSON() })
      }
    }
    return ids.length === 1 ? (results[0] as T) : results
  }

  /** Runs the command; oclif's own way of this can't wait for stdout and has other exit codes for `--json`. */
  protected override async _run<T>(): Promise<T> {
    let result: unknown
    this.argv = originalSpelling(this.argv, { ...this.ctor.baseFlags, ...this.ctor.flags })
    try {
      await this.init()
      result = await this.run()
      if (this.jsonEnabled() && result !== undefined)
        await this.#print(`${renderJson(result)}\n`, { mustBeRead: this.#storedId !== undefined })
    } catch (error) {
      if (this.#storedId !== undefined) await writeNote(`Stored: ${this.#storedId}`)
      const command = this.id?.replaceAll(':', ' ') ?? ''
      await reportError(error, { json: this.jsonEnabled(), debug: this.debugging, command })
    }
    return result as T
  }

  async #print(text: string, { mustBeRead }: { mustBeRead: boolean }): Promise<void> {
    const read = await writeOut(text, mustBeRead ? this.#storedId : undefined)
    if (!read && mustBeRead) throw outputClosed()
  }
}

/** Says whether `--debug` is among the words before `--`. */
export function isDebugging(argv: readonly string[]): boolean {
  return hasFlag(argv, '--debug')
}

/** Says whether a flag is among the words before `--`. */
export function hasFlag(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--')
  return (end === -1 ? argv : argv.slice(0, end)).includes(flag)
}
