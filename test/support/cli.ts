import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { inject } from 'vitest'
import type { Session } from './session.ts'

/** The folder of the project. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The program, as it is built. */
export const PROGRAM = join(ROOT, 'bin/run.js')

/** What a run of the program left. */
export interface Run {
  code: number | undefined
  signal: string | undefined
  stdout: string
  stderr: string
}

export interface RunOptions {
  database?: { uri: string; session?: Session }
  env?: Record<string, string>
  cwd?: string
  input?: string | Uint8Array
  /** Throw when the exit code isn't 0. */
  reject?: boolean
}

/** The environment that the program gets in a test: nothing of this host's settings. */
export function environment(options: RunOptions = {}): Record<string, string> {
  const named = options.database ?? options.env?.VDC_MANAGE_DATABASE_URI ?? options.env?.CONF_PATH
  if (named === undefined && existsSync('/etc/wakame-vdc/dcmgr.conf')) {
    throw new Error('This host has a dcmgr.conf: a test without a database would write to that of the installation')
  }
  return {
    PATH: process.env.PATH ?? '',
    HOME: '/nonexistent',
    XDG_STATE_HOME: join(inject('folder'), 'state'),
    ...(options.database ? { VDC_MANAGE_DATABASE_URI: options.database.uri } : {}),
    ...options.env,
  }
}

/** Runs the program as a shell would, with its own process, and waits for its end. */
export async function vdcManage(args: string[], options: RunOptions = {}): Promise<Run> {
  const run = await inProcess(args, options)
  if (options.reject && run.code !== 0) throw failed(args, run)
  return run
}

function failed(args: string[], { code, stderr }: Run): Error {
  return new Error(`vdc-manage ${args.join(' ')}: exit ${code}\n${stderr}`)
}

/** Runs what needs nothing but a database in the session of that; undefined where it can't be. */
async function inSession(args: string[], { database, env, cwd, input }: RunOptions): Promise<Run | undefined> {
  // A line holds no line feed, whatever is around it.
  const isLine = !args.some((arg) => /[\n\r\0]/.test(arg))
  if (!isLine || env !== undefined || cwd !== undefined || input !== undefined) return undefined
  return database?.session?.run(args)
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

/**
 * Runs the program, which must succeed, and reads the JSON that it answers; what
 * needs nothing but a database runs in the session of that.
 */
// biome-ignore lint/suspicious/noExplicitAny: the test that reads it says what it must hold
export async function vdcManageJson(args: string[], options: RunOptions = {}): Promise<any> {
  const words = [...args, '--json']
  const run = (await inSession(words, options)) ?? (await inProcess(words, options))
  if (run.code !== 0) throw failed(words, run)
  return JSON.parse(run.stdout)
}

/**
 * Runs lines in one shell of the program, over one connection, where many
 * processes would take long; all must succeed without a word but warnings.
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

/** Runs a line in sh, in which `vdc-manage` is the program. */
export async function shell(line: string, options: RunOptions = {}): Promise<Run> {
  const bin = mkdtempSync(join(inject('folder'), 'bin-'))
  try {
    await execa('ln', ['-s', PROGRAM, join(bin, 'vdc-manage')])
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
