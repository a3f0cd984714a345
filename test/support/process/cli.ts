import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { inject } from 'vitest'
import { IS_THOROUGH } from '../thorough.ts'
import { runWarm } from './warm.ts'

/** The folder of the project. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** The built program. */
export const PROGRAM = join(ROOT, 'bin/run.js')

/** The result of a run of the program. */
export interface Run {
  code: number | undefined
  signal: string | undefined
  stdout: string
  stderr: string
}

export interface RunOptions {
  database?: { uri: string }
  env?: Record<string, string>
  cwd?: string
  input?: string | Uint8Array
  /** Run it in its own process, for tests of the process itself. */
  process?: boolean
  /** Run it with modules that no other command has used; with `THOROUGH=1`, in its own process. */
  alone?: boolean
  /** Throw if the exit code is not 0. */
  reject?: boolean
}

/** Returns the environment of the program in a test, without the settings of this host. */
export function environment(options: RunOptions = {}): Record<string, string> {
  const named = options.database ?? options.env?.VDC_MANAGE_DATABASE_URI ?? options.env?.CONF_PATH
  if (named === undefined && existsSync('/etc/wakame-vdc/dcmgr.conf')) {
    throw new Error(
      'This host has a dcmgr.conf, so a test without a database would write to the database of its installation',
    )
  }
  return {
    PATH: process.env.PATH ?? '',
    HOME: '/nonexistent',
    XDG_STATE_HOME: join(inject('folder'), 'state'),
    ...(options.database ? { VDC_MANAGE_DATABASE_URI: options.database.uri } : {}),
    ...options.env,
  }
}

/**
 * Runs the program to its end: in the warm process of the worker if that makes no
 * difference, otherwise in its own process.
 */
export async function vdcManage(args: string[], options: RunOptions = {}): Promise<Run> {
  const run = (await inWarmProcess(args, options)) ?? (await inProcess(args, options))
  if (options.reject && run.code !== 0) throw failed(args, run)
  return run
}

function failed(args: string[], { code, stderr }: Run): Error {
  return new Error(`vdc-manage ${args.join(' ')}: exit ${code}\n${stderr}`)
}

/** Environment variables that the program reads for each command. */
const READ_EACH_TIME =
  /^(?:VDC_MANAGE_(?:ACCOUNT_ID|DATABASE_URI|SERVICE_TYPES)|CONF_PATH|HOME|PATH|TMPDIR|TZ|XDG_\w+)$/
/** Environment variables that the program also reads while its modules load. */
const READ_AT_LOAD = /^(?:COLUMNS|FORCE_COLOR)$/

/** Runs a command in the warm process. Returns undefined if the command could behave differently there. */
async function inWarmProcess(args: string[], options: RunOptions): Promise<Run | undefined> {
  const variables = Object.keys(options.env ?? {}).filter((name) => !READ_EACH_TIME.test(name))
  const isSame =
    // The time limit of completions from a database counts from the start of the process.
    (args[0] !== 'complete' || (options.database ?? options.env) === undefined) &&
    variables.every((name) => READ_AT_LOAD.test(name))
  if (options.process || (options.alone && IS_THOROUGH) || !isSame || !inject('hasWarmPrograms')) return undefined
  // Commands that read IDs or scripts, or keep output and files until a commit, share nothing with those before them.
  const isFresh =
    options.alone || variables.length > 0 || args.some((arg) => /^(?:-|-\w*f|--file(?:=.*)?)$|bulk$/.test(arg))
  const input = options.input === undefined ? undefined : Buffer.from(options.input).toString('base64')
  const run = await runWarm({ args, env: environment(options), cwd: options.cwd, input, isFresh })
  return run && { ...run, signal: undefined }
}

async function inProcess(args: string[], options: RunOptions): Promise<Run> {
  const result = await execa(PROGRAM, args, {
    env: environment(options),
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  })
  return { code: result.exitCode, signal: result.signal, stdout: result.stdout, stderr: result.stderr }
}

/** Runs the program with --json. It must succeed. Returns the parsed output. */
// biome-ignore lint/suspicious/noExplicitAny: the test checks the contents
export async function vdcManageJson(args: string[], options: RunOptions = {}): Promise<any> {
  return JSON.parse((await vdcManage([...args, '--json'], { ...options, reject: true })).stdout)
}

/**
 * Runs lines in one shell of the program, over one connection. All must succeed and
 * print nothing but warnings to stderr.
 *
 * @returns the lines of stdout.
 */
export async function runLines(lines: readonly string[], options: RunOptions): Promise<string[]> {
  const input = lines.map((line) => `${line}\n`).join('')
  const result = await vdcManage(['-e'], { ...options, input })
  const notes = result.stderr.replaceAll(/^Warning: .*\n/gm, '')
  if (result.code !== 0 || notes !== '') throw new Error(`exit ${result.code}: ${notes}`)
  return result.stdout.split('\n').slice(0, -1)
}

/** Runs a line in bash, with the program on the PATH as `vdc-manage`. */
export async function shell(line: string, options: RunOptions = {}): Promise<Run> {
  const bin = mkdtempSync(join(inject('folder'), 'bin-'))
  try {
    symlinkSync(PROGRAM, join(bin, 'vdc-manage'))
    const env = environment(options)
    const result = await execa('bash', ['-c', line], {
      env: { ...env, PATH: `${bin}:${env.PATH}` },
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
      stdin: 'ignore',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    return { code: result.exitCode, signal: result.signal, stdout: result.stdout, stderr: result.stderr }
  } finally {
    rmSync(bin, { recursive: true, force: true })
  }
}
