import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { some } from './thorough.ts'

/** Whether a test can run somebody else's process: only root can start one. */
export const IS_ROOT = process.getuid?.() === 0
/** The user `nobody`. */
const NOBODY = 65534

/** Numbers of the system calls that Perl has no function for: asm/unistd.h. */
const CALLS: Readonly<Record<string, { mmap: number; munmap: number; mprotect: number; read: number; write: number }>> =
  {
    x64: { mmap: 9, munmap: 11, mprotect: 10, read: 0, write: 1 },
    arm64: { mmap: 222, munmap: 215, mprotect: 226, read: 63, write: 64 },
  }
/** Whether the attackers that map files can run here. */
export const CAN_MAP = process.arch in CALLS

/** Functions that the scripts may use. */
const PRELUDE = `
use strict; use warnings; use Fcntl; no warnings 'once'; $| = 1;
my %call = qw(${Object.entries(CALLS[process.arch] ?? {})
  .flat()
  .join(' ')});
# Maps the start of a file, shared and writable, and reads it: in memory, a page that was read is written without any trace.
sub map_file { my ($path, $length) = @_;
  sysopen(my $file, $path, O_RDWR) or return 0;
  my $at = syscall($call{mmap}, 0, $length, 3, 1, fileno($file), 0); close $file;
  return 0 unless $at > 0; pipe(my $out, my $in); syscall($call{write}, fileno($in), $at, 1); close $out; close $in; return $at; }
# Writes to memory, through a pipe.
sub poke { my ($at, $bytes) = @_; pipe(my $out, my $in); syswrite($in, $bytes);
  syscall($call{read}, fileno($out), $at, length $bytes); close $out; close $in; }
sub slurp { open(my $file, '<', $_[0]) or return ''; binmode $file; local $/; my $bytes = <$file>; return defined $bytes ? $bytes : ''; }
# Whether a conversion into a file of this name begins, or runs.
sub is_converting { my ($name) = @_; opendir(my $proc, '/proc') or return 0;
  for my $pid (readdir $proc) { next unless $pid =~ /^[0-9]+$/;
    return 1 if slurp("/proc/$pid/cmdline") =~ m{\\0convert\\0.*/\\Q$name\\E\\0}; } return 0; }
`

/** A process of another user that does its worst until it is stopped. */
export interface Attacker {
  /** How often it got as far as it could. */
  interfered(): number
  /** Ends it. */
  stop(): Promise<void>
}

/**
 * Starts a Perl script as the user nobody. It prints `ready` before it begins, and
 * a line each time that it interfered.
 *
 * @param args what it finds in `@ARGV`.
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

/** Milliseconds that each attacker has. */
const TIME = some(1500, 3)
/** Milliseconds after which one that never got anywhere is given up. */
const PATIENCE = 60_000

/**
 * Runs `work` again and again while an attacker interferes, for a while and until
 * that has happened.
 *
 * @param isEnough asked whether it has, with how often the attacker did.
 * @returns how often each of the two did.
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
    const isOver = () => Date.now() - started > TIME && isEnough(attacker.interfered())
    let tries = 0
    for (; !isOver() && Date.now() - started < PATIENCE; tries++) await work()
    return { tries, interfered: attacker.interfered() }
  } finally {
    await attacker.stop()
  }
}

/** Makes a folder that the attacker owns, and one that only root can change, on the filesystem of a folder. */
export function newGround(within = inject('folder')): { theirs: string; ours: string } {
  const ground = mkdtempSync(join(within, 'ground-'))
  const [theirs, ours] = [join(ground, 'theirs'), join(ground, 'ours')]
  mkdirSync(theirs)
  mkdirSync(ours, { mode: 0o755 })
  giveAway(theirs)
  // The ground itself is ours, and open to all.
  chmodSync(ground, 0o755)
  return { theirs, ours }
}

/** Makes a file or folder the attacker's. */
export function giveAway(path: string): void {
  chownSync(path, NOBODY, NOBODY)
}
