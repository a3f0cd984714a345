import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { findProgram } from '../../core/find-program.ts'
import { runProgram } from '../../disk/qemu/run-program.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import { tryAppliance } from '../../guest/appliance/empty-run.ts'
import { findRequirements } from '../../guest/appliance/requirements.ts'
import { findBuildLack } from '../../guest/build/requirements.ts'
import { type Outcome, ok, warning } from './check.ts'

const DEVICE = '/dev/kvm'
const SLOWLY = 'looking into an image is emulated, which takes about half a minute instead of a few seconds'
const ONLY_FOR = 'only image check and image prepare need it'

/** Checks whether libguestfs has what it needs to look into images. It does not run it. */
export async function checkLibguestfs(env: NodeJS.ProcessEnv, cancellation: Cancellation): Promise<Outcome> {
  const { kernel, readsXfs, lack } = await findRequirements(env)
  if (lack !== undefined) return warning(`libguestfs ${lack.why}; ${ONLY_FOR}`, lack.hint)
  const versions = [
    `guestfish ${await versionOf('guestfish', env, cancellation)}`,
    `QEMU ${await versionOf('qemu-system-x86_64', env, cancellation)}`,
    ...(kernel === undefined ? [] : [`kernel ${kernel}`]),
  ].join(', ')
  if (readsXfs !== false) return ok(versions)
  return warning(`${versions}; it cannot read XFS`, 'Install it with: apt-get install libguestfs-xfs')
}

/** Checks whether QEMU is installed, in which guests boot. */
export async function checkQemu(env: NodeJS.ProcessEnv, cancellation: Cancellation): Promise<Outcome> {
  const path = await findProgram('qemu-system-x86_64', env.PATH)
  if (path !== undefined) return ok(`version ${await versionOf('qemu-system-x86_64', env, cancellation)}, ${path}`)
  return warning(
    'QEMU is not installed; only image try and image install need it',
    'Install it with: apt-get install --no-install-recommends qemu-system-x86',
  )
}

/** Checks whether images can be built. */
export async function checkBuilding(env: NodeJS.ProcessEnv, cancellation: Cancellation): Promise<Outcome> {
  const lack = await findBuildLack(env, cancellation)
  if (lack !== undefined) return warning(`${lack.why}; only image build needs this`, lack.hint)
  const user = process.geteuid?.() === 0 ? 'as root' : 'as an ordinary user'
  return ok(`mmdebstrap ${await versionOf('mmdebstrap', env, cancellation)}, ${user}`)
}

async function versionOf(program: string, env: NodeJS.ProcessEnv, { signal }: Cancellation): Promise<string> {
  const { stdout } = await runProgram(program, ['--version'], {
    env: { PATH: env.PATH ?? '', LC_ALL: 'C' },
    timeout: 5000,
    signal,
  })
  return /\d+(?:\.\d+)+/.exec(stdout)?.[0] ?? 'of unknown version'
}

/**
 * Checks what makes looking into images fast.
 *
 * @param works whether KVM runs a virtual machine; undefined if that was not tried.
 */
export async function checkKvm(works: boolean | undefined): Promise<Outcome> {
  const errorCode = await access(DEVICE, constants.R_OK | constants.W_OK).then(
    () => undefined,
    ({ code }: NodeJS.ErrnoException) => code,
  )
  if (errorCode === 'EACCES')
    return warning(
      `this user cannot open ${DEVICE}, so ${SLOWLY}`,
      'Run: sudo usermod -aG kvm "$USER", and log in again',
    )
  if (errorCode !== undefined) return ok(`there is no ${DEVICE}, so ${SLOWLY}`)
  if (works === undefined) return ok(`${DEVICE} can be opened; to see whether it works: vdc-manage doctor --deep`)
  return ok(works ? 'runs virtual machines' : `${DEVICE} does not run a virtual machine, so ${SLOWLY}`)
}

/** Starts libguestfs without a guest, and reports how long that took. */
export async function checkEmptyRun(withKvm: boolean, cancellation: Cancellation): Promise<Outcome> {
  try {
    const seconds = (await tryAppliance(withKvm ? 'kvm' : 'tcg', cancellation)) / 1000
    return ok(`libguestfs started in ${seconds.toFixed(1)} s, ${withKvm ? 'with KVM' : 'emulated'}`)
  } catch (error) {
    if (!(error instanceof VdcError) || error.code !== 'APPLIANCE_FAILED') throw error
    return warning(error.message, error.hint as string)
  }
}
