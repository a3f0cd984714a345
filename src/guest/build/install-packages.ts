import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shellWord } from '../../core/shell-word.ts'
import { holding } from '../../disk/remove/held.ts'
import type { Watcher } from '../../disk/watcher.ts'
import { shown } from '../tree/guest-path.ts'
import type { BuildOptions } from './build-options.ts'
import { failed, type InsideEnded, runInside } from './inside/run-inside.ts'
import { packagesOf } from './packages.ts'

/** Bytes of the last line of the script's output that are shown. */
const LONGEST_LINE = 300
/** Shell commands for mmdebstrap; $1 is the root of the guest. */
// Packages would write the name of this host, which mmdebstrap copies, into their configuration.
const nameHost = (name: string) =>
  `echo ${shellWord(name)} >"$1/etc/hostname" && chroot "$1" hostname --file /etc/hostname`
const ENABLE_NETWORK = 'chroot "$1" systemctl --quiet enable systemd-networkd.service systemd-resolved.service'
/**
 * Runs the script of the user in the guest; what it leaves running ends with it. /etc/resolv.conf is a link to a file that
 * exists only in a running guest. A failure leaves its exit code in a file.
 */
const RUN_SCRIPT = `
set -e
if [ -e /etc/resolv.conf ]; then cp -L --remove-destination /etc/resolv.conf "$1/etc/resolv.conf"; fi
install -m 0700 "$BUILD_FOLDER/script" "$1/vdc-manage-script"
code=0
env -u APT_CONFIG -u TMPDIR -u BUILD_FOLDER HOME=/root DEBIAN_FRONTEND=noninteractive \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  unshare --pid --fork --kill-child chroot "$1" /vdc-manage-script \
  </dev/null >"$BUILD_FOLDER/script-output" 2>&1 || code=$?
rm -f "$1/vdc-manage-script"
[ "$code" = 0 ] || echo "$code" >"$BUILD_FOLDER/script-failed"
exit "$code"`

/**
 * Installs the packages of a guest into a folder with mmdebstrap, and runs the script of the user in it.
 *
 * @param folder a folder of this process.
 * @param tree the folder for the files, empty.
 * @param env the environment of mmdebstrap.
 * @throws VdcError BUILD_FAILED, FILE_NOT_WRITTEN; the error of the cancellation.
 */
export async function installPackages(
  folder: string,
  tree: string,
  options: BuildOptions,
  env: Readonly<Record<string, string>>,
  { cancellation, progress }: Watcher,
): Promise<void> {
  const { suite, mirror, hostName, script, timeout } = options
  if (script !== undefined) await writeFile(join(folder, 'script'), script.bytes, { mode: 0o600 })
  let task = progress.begin('Starting mmdebstrap', undefined)
  const onLine = (line: string) => {
    const [, step] = /^I: ([a-z][a-z ]*)\.\.\.$/.exec(line) ?? []
    if (step === undefined) return
    task.end()
    task = progress.begin(step.charAt(0).toUpperCase() + step.slice(1), undefined)
  }
  try {
    const command = [
      'mmdebstrap',
      ...['--mode=root', '--format=directory', '--variant=minbase', '--architectures=amd64'],
      `--include=${packagesOf(options).join()}`,
      `--essential-hook=${nameHost(hostName)}`,
      `--customize-hook=${ENABLE_NETWORK}`,
      ...(script === undefined ? [] : [`--customize-hook=${RUN_SCRIPT}`]),
      ...['--', suite, tree],
      ...(mirror === undefined ? [] : [mirror]),
    ] as const
    const ended = await runInside(
      folder,
      {
        command: command as unknown as [string, ...string[]],
        env: { ...env, TMPDIR: folder, BUILD_FOLDER: folder },
        work: `Installing the packages${script === undefined ? '' : ` and running ${script.name}`}`,
        timeout,
        onLine,
      },
      cancellation,
    )
    if (ended.exitCode !== 0) throw await whyFailed(folder, options, ended)
  } finally {
    task.end()
  }
}

async function whyFailed(folder: string, { suite, script }: BuildOptions, { lastLines }: InsideEnded) {
  const code = await readFile(join(folder, 'script-failed'), 'utf8').catch(() => undefined)
  if (script !== undefined && code !== undefined) {
    const last = await lastLineOf(join(folder, 'script-output'))
    const why = last === undefined ? '' : `: ${last}`
    return failed(`The script ${script.name} failed in the guest with exit code ${code.trim()}${why}`)
  }
  const reason = reasonIn(lastLines)
  return failed(`mmdebstrap cannot install ${suite}: ${reason}`, / is not signed/.test(reason) ? KEYS_HINT : HINT)
}

/** Returns the last line that is not empty, for people; undefined if there is none. It is untrusted, and cut short. */
async function lastLineOf(path: string): Promise<string | undefined> {
  return holding(await open(path), async (file) => {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(LONGEST_LINE),
      0,
      LONGEST_LINE,
      Math.max(0, size - LONGEST_LINE),
    )
    const lines = buffer.toString('latin1', 0, bytesRead).split(/[\n\r]+/)
    return lines
      .filter((line) => line.trim() !== '')
      .map(shown)
      .at(-1)
  })
}

const KEYS_HINT =
  'Check the mirror, and install the keys of its distribution, in a package such as ubuntu-keyring or debian-archive-keyring'
const HINT = 'Check the names of the suite and the packages, the mirror, and whether this host reaches it'

/** Returns the first error of apt, or else of mmdebstrap, whose own errors say only which program failed. */
function reasonIn(lines: readonly string[]): string {
  const errors = lines.flatMap((line) => /^(?:E: |dpkg: error)(.*)$/.exec(line)?.[1] ?? [])
  return errors.find((error) => !/ failed(?:: |$)/.test(error)) ?? errors[0] ?? lines.at(-1) ?? 'it gave no reason'
}
