import { setTimeout } from 'node:timers/promises'
import type { LoginEvent } from './event.ts'
import type { Observer } from './observer.ts'
import { type FoundSsh, findSsh, logIn, type SshTarget } from './ssh.ts'

/** Milliseconds between two attempts. */
const PAUSE = 2000
/** Milliseconds after which it is tried to log in to a guest that has asked for no metadata. */
const WITHOUT_METADATA = 15_000

/**
 * Waits for sshd of a guest, and logs in once it answers. A guest may get its keys after it has started sshd, so it is
 * tried until it works or the signal is aborted.
 *
 * @param key the path of a private key.
 */
export async function probeSsh(target: SshTarget, key: string, observer: Observer): Promise<void> {
  const found = await foundSsh(target, observer)
  if (found === undefined) return
  let failure: LoginEvent | undefined
  for (const since = observer.now(); !target.signal.aborted; await pause(target.signal)) {
    if (!observer.isOk('metadata') && observer.now() - since < WITHOUT_METADATA) continue
    const login = await logIn(target, key, found)
    if (login.user !== undefined) return observer.take([{ at: observer.now(), ...login }])
    if (!target.signal.aborted) failure = login
  }
  if (failure !== undefined) observer.take([{ at: observer.now(), ...failure }])
}

async function foundSsh(target: SshTarget, observer: Observer): Promise<FoundSsh | undefined> {
  for (; !target.signal.aborted; await pause(target.signal)) {
    // Until the guest has an address, QEMU takes connections that lead nowhere.
    const found = observer.isOk('dhcp') ? await findSsh(target) : undefined
    if (found === undefined) continue
    observer.take([{ at: observer.now(), ...found.event }])
    return found
  }
  return undefined
}

async function pause(signal: AbortSignal): Promise<void> {
  await setTimeout(PAUSE, undefined, { signal }).catch(() => {})
}
