import { type FoundFile, type GuestFiles, join } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import { linesOf, wordsOf } from './lines.ts'
import { entriesOf, sectionsIn } from './sections.ts'
import { servicesOf } from './systemd.ts'
import { startedScripts } from './sysv.ts'

/** A script or unit that runs at boot. */
export interface StartScript {
  path: GuestPath
  text: string
  /** The script or unit that is started; itself, unless another one calls it. */
  from: GuestPath
}

/** Scripts that run at the end of the boot, in the spellings of the distributions. */
const RC_LOCALS = [
  '/etc/rc.local',
  '/etc/rc.d/rc.local',
  '/etc/init.d/rc.local',
  '/etc/rc.d/rc.sysinit',
  '/etc/init.d/rcS',
]
/** On CentOS, the first is a link to the second. */
const INIT_SCRIPTS = ['/etc/init.d', '/etc/rc.d/init.d']
/** Programs that are not scripts are left out by their size. */
const LONGEST = 256 * 1024
const EXECUTABLE = 0o111

/** The scripts of guests that were asked for. */
const known = new WeakMap<GuestFiles, Promise<StartScript[]>>()

/**
 * Returns what runs at boot and is a text: rc.local, init scripts, enabled services, and the scripts
 * that these call by an absolute path. Comments are left in.
 */
export function startScripts(files: GuestFiles): Promise<StartScript[]> {
  const scripts = known.get(files) ?? findScripts(files)
  known.set(files, scripts)
  return scripts
}

async function findScripts(files: GuestFiles): Promise<StartScript[]> {
  const scripts = new Map<GuestPath, StartScript>()
  const add = async (path: GuestPath, isRun: (found: FoundFile) => boolean | Promise<boolean>, from = path) => {
    const found = await files.find(path)
    if (found?.stat.kind !== 'file' || scripts.has(found.path) || found.stat.size > LONGEST) return
    if (await isRun(found)) scripts.set(found.path, { path, text: (await files.text(path)) ?? '', from })
  }
  for (const path of RC_LOCALS) await add(path, isExecutable)
  for (const name of await startedScripts(files))
    for (const folder of INIT_SCRIPTS) await add(join(folder, name), isExecutable)
  for (const path of await files.matching('/etc/init', /\.conf$/)) await add(path, () => true)
  for (const path of await files.matching('/etc/local.d', /\.start$/)) await add(path, isExecutable)
  for (const path of await servicesOf(files)) await add(path, () => true)
  // A shell may run a script that is not executable.
  const isScript = async (found: FoundFile) => (await files.start(found, 2)) === '#!' || found.path.endsWith('.sh')
  for (const script of [...scripts.values()])
    for (const path of calledBy(script)) await add(path, isScript, script.path)
  return [...scripts.values()]
}

function isExecutable({ stat }: FoundFile): boolean {
  return (stat.mode & EXECUTABLE) !== 0
}

/** Returns the lines of a script that are not comments. */
export function codeOf({ text }: Pick<StartScript, 'text'>): string {
  return linesOf(text)
    .map((line) => line.text)
    .join('\n')
}

/** Returns the absolute paths of programs that a script or unit calls. Common programs do not matter, as they are no scripts. */
function calledBy({ path, text }: StartScript): GuestPath[] {
  const code = /\.service$/.test(path)
    ? ['execstart', 'execstartpre', 'execstartpost'].flatMap((key) =>
        entriesOf(sectionsIn(text), 'service', key).map(({ value }) => value.replace(/^[-@:+!]+/, '')),
      )
    : linesOf(text).map((line) => line.text)
  const words = code.flatMap((line) => wordsOf(line.replaceAll(/[;&|<>()"'`]/g, ' ')))
  return [...new Set(words.filter((word) => /^\/(?:etc|usr|opt|root|srv|var|sbin|bin)\/[\w.+/-]+$/.test(word)))].slice(
    0,
    100,
  )
}
