import { setTimeout } from 'node:timers/promises'
import type { LoginEvent } from './event.ts'
import type { Observer } from './observer.ts'
import { type FoundSsh, findSsh, logIn, type SshTarget } from './ssh.ts'

/** Milliseconds between two attempts to find sshd, and to log in. */
const [SCAN_PAUSE, LOGIN_PAUSE] = [2000, 5000]
/** Milliseconds after which it is tried to log in to a guest that has asked for no metadata. */
const WITHOUT_METADATA = 15_000
/** Milliseconds after its last request for metadata in which a guest may install its keys. */
const INSTALLATION = 60_000

/**
 * Waits for sshd of a guest, and logs in once it answers. A guest may install its keys after it has started sshd, so
 * it is tried for a while. Ends early when the signal is aborted.
 *
 * @param key the path of a private key.
 * @throws VdcError FILE_NOT_WRITTEN.
 */
export async function probeSsh(target: SshTarget, key: string, observer: Observer): Promise<void> {
  const found = await foundSsh(target, observer)
  if (found === undefined) return
  let failure: LoginEvent | undefined
  const foundAt = observer.now()
  for (; !target.signal.aborted; await pause(LOGIN_PAUSE, target.signal)) {
    const asked = observer.lastRequest
    if (!observer.isOk('metadata') && observer.now() - foundAt < WITHOUT_METADATA) continue
    const login = await logIn(target, key, found)
    if (login.user !== undefined) return observer.take([{ at: observer.now(), ...login }])
    if (target.signal.aborted) break
    failure = login
    if (asked === undefined || observer.now() - asked > INSTALLATION) break
  }
  if (failure !== undefined) observer.take([{ at: observer.now(), ...failure }])
}

async function foundSsh(target: SshTarget, observer: Observer): Promise<FoundSsh | undefined> {
  for (; !target.signal.aborted; await pause(SCAN_PAUSE, target.signal)) {
    // Until the guest has an address, QEMU takes connections that lead nowhere.
    const found = observer.isOk('dhcp') ? await findSsh(target) : undefined
    if (found === undefined) continue
    observer.take([{ at: observer.now(), ...found.event }])
    return found
  }
  return undefined
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => {})
}
