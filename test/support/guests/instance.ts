import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { execa, execaSync } from 'execa'
import { inject } from 'vitest'
import { type Entries, makeEntry } from './guests.ts'

/** The shells and HTTP clients with which the scripts must run. */
export interface Programs {
  shell: 'dash' | 'bash' | 'busybox'
  /** `applet` is busybox as wget, and `busybox` is busybox alone. bash needs no client. */
  client: 'curl' | 'wget' | 'applet' | 'busybox' | 'none'
}

/** A small guest that can run scripts: busybox, a shell and an HTTP client in a folder. */
export interface Instance {
  path: string
  /** Runs a script of guest/ as its service would, in a UTS namespace of its own. */
  run(script: 'vdc-metadata' | 'vdc-hostkeys', env?: Record<string, string>): Promise<{ code: number }>
  read(path: string): string
  has(path: string): boolean
  /** Removes all but the programs, and makes the files of a new guest. */
  reset(entries: Entries): void
  remove(): void
}

const BUSYBOX = '/bin/busybox'
/** Applets of busybox that an instance has only if it is made with them. */
const OWN = new Set(['sh', 'bash', 'busybox', 'wget'])
/** What tests may change. */
const CHANGEABLE = ['etc', 'root', 'home', 'var', 'proc', 'sys', 'dev', 'run', 'usr/bin', 'usr/local', 'tmp']

/** Makes an instance from programs of this host. Needs root, for chroot. */
export function newInstance(programs: Programs): Instance {
  const path = mkdtempSync(join(inject('folder'), 'instance-'))
  chmodSync(path, 0o755)
  installPrograms(path, programs)
  return {
    path,
    async run(script, env = {}) {
      const { exitCode } = await execa('unshare', ['--uts', 'chroot', path, `/usr/local/sbin/${script}`], {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', VDC_METADATA_PAUSE: '0', ...env },
        extendEnv: false,
        reject: false,
      })
      return { code: exitCode ?? -1 }
    },
    read: (name) => readFileSync(join(path, name), 'utf8'),
    has: (name) => existsSync(join(path, name)),
    reset(entries) {
      for (const name of CHANGEABLE) rmSync(join(path, name), { recursive: true, force: true })
      for (const name of ['root', 'var/log', 'var/lib', 'dev', 'tmp', 'etc/ssh'])
        mkdirSync(join(path, name), { recursive: true })
      execFileSync('mknod', ['-m', '666', join(path, 'dev/null'), 'c', '1', '3'])
      for (const [name, entry] of Object.entries(entries)) makeEntry(join(path, name), entry)
      for (const name of ['vdc-metadata', 'vdc-hostkeys']) {
        const script = join(path, 'usr/local/sbin', name)
        mkdirSync(dirname(script), { recursive: true })
        copyFileSync(join(import.meta.dirname, `../../../guest/${name}.sh`), script)
        chmodSync(script, 0o755)
      }
      if (!existsSync(join(path, 'dev/console'))) writeFileSync(join(path, 'dev/console'), '')
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

function installPrograms(path: string, { shell, client }: Programs): void {
  const bin = join(path, 'bin')
  mkdirSync(bin)
  copyProgram(path, BUSYBOX, 'applets')
  const link = (name: string) => symlinkSync('applets', join(bin, name))
  const applets = execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean)
  for (const name of applets) if (!OWN.has(name)) link(name)
  if (shell !== 'busybox') copyProgram(path, `/bin/${shell}`)
  symlinkSync(shell === 'busybox' ? 'applets' : shell, join(bin, 'sh'))
  if (client === 'applet') link('wget')
  if (client === 'busybox') link('busybox')
  if (client === 'curl' || client === 'wget') copyProgram(path, `/usr/bin/${client}`)
  copyProgram(path, '/usr/bin/ssh-keygen')
}

/** Copies a program and the libraries that it is linked with, if there are any. */
function copyProgram(path: string, program: string, name = basename(program)): void {
  rmSync(join(path, 'bin', name), { force: true })
  copyFileSync(program, join(path, 'bin', name))
  const { stdout } = execaSync('ldd', [program], { reject: false })
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    mkdirSync(dirname(join(path, library)), { recursive: true })
    copyFileSync(library, join(path, library))
  }
}
