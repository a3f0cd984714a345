import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { some } from './thorough.ts'

/** Whether a test can start a process of another user. Only root can. */
export const IS_ROOT = process.getuid?.() === 0
/** The user `nobody`. */
const NOBODY = 65534

/** Numbers of the system calls that Perl has no function for, from asm/unistd.h. */
const CALLS: Readonly<Record<string, { mmap: number; munmap: number; mprotect: number; read: number; write: number }>> =
  {
    x64: { mmap: 9, munmap: 11, mprotect: 10, read: 0, write: 1 },
    arm64: { mmap: 222, munmap: 215, mprotect: 226, read: 63, write: 64 },
  }
/** Whether attackers that map files can run on this architecture. */
export const CAN_MAP = process.arch in CALLS

/** Functions that the scripts may use. */
const PRELUDE = `
use strict; use warnings; use Fcntl; no warnings 'once'; $| = 1;
my %call = qw(${Object.entries(CALLS[process.arch] ?? {})
  .flat()
  .join(' ')});
# Maps the start of a file, shared and writable, and reads it. Writes to a page that was read before leave no trace.
sub map_file { my ($path, $length) = @_;
  sysopen(my $file, $path, O_RDWR) or return 0;
  my $at = syscall($call{mmap}, 0, $length, 3, 1, fileno($file), 0); close $file;
  return 0 unless $at > 0; pipe(my $out, my $in); syscall($call{write}, fileno($in), $at, 1); close $out; close $in; return $at; }
# Writes to memory, through a pipe.
sub poke { my ($at, $bytes) = @_; pipe(my $out, my $in); syswrite($in, $bytes);
  syscall($call{read}, fileno($out), $at, length $bytes); close $out; close $in; }
sub slurp { open(my $file, '<', $_[0]) or return ''; binmode $file; local $/; my $bytes = <$file>; return defined $bytes ? $bytes : ''; }
# Whether a conversion to a file with this name is running.
sub is_converting { my ($name) = @_; opendir(my $proc, '/proc') or return 0;
  for my $pid (readdir $proc) { next unless $pid =~ /^[0-9]+$/;
    return 1 if slurp("/proc/$pid/cmdline") =~ m{\\0convert\\0.*/\\Q$name\\E\\0}; } return 0; }
`

/** A process of another user that interferes until it is stopped. */
export interface Attacker {
  /** Returns how often it has interfered. */
  interfered(): number
  /** Ends it. */
  stop(): Promise<void>
}

/**
 * Starts a Perl script as the user nobody. The script prints `ready` before it begins, and
 * `interfered` each time that it has interfered.
 *
 * @param args the script's `@ARGV`.
 */
export async function startAttacker(script: string, args: readonly string[]): Promise<Attacker> {
  const running = spawn('perl', ['-e', `${PRELUDE}\n${script}`, ...args], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(running, 'close')
  let text = ''
  running.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  while (!text.includes('ready')) await Promise.race([once(running.stdout, 'data'), ended.then(died)])
  return {
    interfered: () => text.split('\n').filter((line) => line === 'interfered').length,
    async stop() {
      running.kill('SIGKILL')
      await ended
    },
  }
}

function died(): never {
  throw new Error('The attacker ended by itself')
}

/** Milliseconds for which each attacker runs. */
const TIME = some(1500, 3)
/** Milliseconds after which `under` gives up. */
const PATIENCE = 60_000

/** How often work is done at least while an attacker runs. */
const TRIES = 11

/**
 * Runs `work` repeatedly while an attacker interferes, for at least `TIME` and `TRIES`, and until
 * `isEnough` returns true.
 *
 * @returns how often `work` ran, and how often the attacker interfered.
 */
export async function under(
  script: string,
  args: string[],
  work: () => Promise<void>,
  isEnough = (interfered: number) => interfered > 0,
): Promise<{ tries: number; interfered: number }> {
  const attacker = await startAttacker(script, args)
  try {
    const started = Date.now()
    let tries = 0
    const isOver = () => Date.now() - started > TIME && tries >= TRIES && isEnough(attacker.interfered())
    for (; !isOver() && Date.now() - started < PATIENCE; tries++) await work()
    return { tries, interfered: attacker.interfered() }
  } finally {
    await attacker.stop()
  }
}

/** Creates a folder that the attacker owns, and one that only root can change, below a folder. */
export function newGround(within = inject('folder')): { theirs: string; ours: string } {
  const ground = mkdtempSync(join(within, 'ground-'))
  const [theirs, ours] = [join(ground, 'theirs'), join(ground, 'ours')]
  mkdirSync(theirs)
  mkdirSync(ours, { mode: 0o755 })
  giveAway(theirs)
  // The parent of both belongs to root, and everyone can enter it.
  chmodSync(ground, 0o755)
  return { theirs, ours }
}

/** Makes the attacker the owner of a file or folder. */
export function giveAway(path: string): void {
  chownSync(path, NOBODY, NOBODY)
}
