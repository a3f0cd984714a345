import { VdcError } from '../core/errors.ts'
import type { Cancellation } from '../disk/watcher.ts'
import type { Finding, GuestCheck, Severity } from './checks/check.ts'
import { unknownBy } from './checks/each.ts'
import type { Guest, GuestDisk } from './guest.ts'
import { type GuestSystem, identify } from './system.ts'
import { GuestFiles, type GuestLimits } from './tree/guest-files.ts'
import { shown } from './tree/guest-path.ts'
import type { GuestTree } from './tree/guest-tree.ts'
import { Undecided } from './tree/undecided.ts'

/** What a check came to. `note` is worth knowing, but no fault. */
type CheckResult = 'ok' | Severity | 'unknown' | 'not_applicable'

/** Where a finding was made. All texts are for people. */
interface Evidence {
  result: Severity | 'unknown'
  message: string
  path: string | null
  line: number | null
  /** What is written there, cut short; null for what must not be shown. */
  value: string | null
}

/** The result of one check of a guest. */
export interface CheckReport {
  check: string
  result: CheckResult
  /** What is wrong, or must be true and is; or why that is unknown or does not matter. */
  message: string
  /** At most MOST_EVIDENCE. */
  evidence: Evidence[]
  /** Findings that are left out of `evidence`. */
  more: number
  /** How to fix it; null if there is nothing to fix. */
  remedy: string | null
  /** True if the check is for errors, and a part of the guest that it needs could not be read. */
  isBlocked: boolean
}

/** What is known of a guest before its checks. */
export interface GuestSource {
  tree: GuestTree
  /** undefined if there are only files. */
  disk: GuestDisk | undefined
  /** True if keys with which people log in are meant to be there. */
  keepsKeys?: boolean
}

/** Findings that a check reports. A file can have any number of them. */
const MOST_EVIDENCE = 20
/** Findings after which a check is stopped. */
const MOST_FINDINGS = 1000
const LONGEST_VALUE = 100
/** From the worst to the best. */
const RANKING: readonly CheckResult[] = ['error', 'warning', 'unknown', 'note', 'ok']
/** The group of checks that tell what the guest is, and so apply to any guest. */
const FOR_ANY_GUEST = ['boot.system', 'boot.loader']

/**
 * Runs checks on a guest, one after the other. A check that fails is `unknown`; the others run.
 *
 * @param onReport called after each check.
 * @returns what the guest is; undefined if that is unknown.
 * @throws what `cancellation` throws.
 */
export async function runChecks(
  { tree, disk, keepsKeys = false }: GuestSource,
  checks: readonly GuestCheck[],
  cancellation: Pick<Cancellation, 'throwIfRequested'>,
  onReport: (report: CheckReport) => Promise<unknown>,
  limits: Partial<GuestLimits> = {},
): Promise<GuestSystem | undefined> {
  const files = new GuestFiles(tree, cancellation, limits)
  const system = await identify(files).catch(findingOf)
  for (const check of checks) {
    cancellation.throwIfRequested()
    await onReport(await reportOn(check, system, { files, disk, keepsKeys }))
  }
  return isKnown(system) ? system : undefined
}

function isKnown(system: GuestSystem | Finding): system is GuestSystem {
  return 'kind' in system
}

async function reportOn(
  check: GuestCheck,
  system: GuestSystem | Finding,
  known: Omit<Guest, 'system'>,
): Promise<CheckReport> {
  const { disk } = known
  if (!isKnown(system)) return reportOf(check, [system])
  if (system.kind === 'none' && (disk?.encrypted.length ?? 0) > 0 && !FOR_ANY_GUEST.includes(check.id))
    return reportOf(check, [{ result: 'unknown', message: 'the disk is encrypted', isUnreadable: true }])
  if (system.kind !== 'linux' && !FOR_ANY_GUEST.includes(check.id)) return notApplicable(check, WHY_NOT[system.kind])
  const findings: Finding[] = []
  try {
    const guest: Guest = { ...known, system }
    const reason = await check.notApplicable?.(guest)
    if (reason !== undefined) return notApplicable(check, reason)
    for await (const finding of check.run(guest)) if (findings.push(finding) >= MOST_FINDINGS) break
  } catch (error) {
    findings.push(findingOf(error))
  }
  return reportOf(check, findings)
}

/** Why checks of a Linux system do not apply. */
const WHY_NOT: Readonly<Record<Exclude<GuestSystem['kind'], 'linux'>, string>> = {
  windows: 'the guest is Windows',
  none: 'there is no operating system',
  several: 'there are several operating systems',
}

function reportOf(check: GuestCheck, findings: readonly Finding[]): CheckReport {
  const evidence = findings.map((finding) => evidenceOf(finding, check.severity))
  // The worst first, because the rest may be left out.
  const sorted = RANKING.flatMap((result) => evidence.filter((each) => each.result === result))
  const result = sorted[0]?.result ?? 'ok'
  const worst = sorted.filter((each) => each.result === result)
  const remedy = findings.find((finding) => (finding.result ?? check.severity) === result)?.remedy ?? check.remedy
  return {
    check: check.id,
    result,
    message: worst.length === 0 ? check.requirement.replace(/\.$/, '') : uniqueMessages(worst),
    evidence: sorted.slice(0, MOST_EVIDENCE),
    more: Math.max(0, sorted.length - MOST_EVIDENCE),
    remedy: ['ok', 'unknown'].includes(result) ? null : remedy,
    isBlocked: check.severity === 'error' && findings.some(({ isUnreadable }) => isUnreadable === true),
  }
}

function uniqueMessages(evidence: readonly Evidence[]): string {
  return [...new Set(evidence.map(({ message }) => message))].slice(0, MOST_EVIDENCE).join('; ')
}

function evidenceOf({ message, result, path, line, value }: Finding, severity: Severity): Evidence {
  return {
    result: result ?? severity,
    message,
    path: path === undefined ? null : shown(path),
    line: line ?? null,
    value: value === undefined ? null : cut(shown(value)),
  }
}

function notApplicable({ id }: GuestCheck, reason: string): CheckReport {
  return { check: id, result: 'not_applicable', message: reason, evidence: [], more: 0, remedy: null, isBlocked: false }
}

/**
 * Returns the finding that something is unknown. An error that nobody expected is a bug, but it must not hide
 * the other checks.
 *
 * @throws VdcError as it is, such as an interruption.
 */
function findingOf(error: unknown): Finding {
  if (error instanceof Undecided) return unknownBy(error)
  if (error instanceof VdcError) throw error
  const message = error instanceof Error ? error.message : String(error)
  return { result: 'unknown', message: `the check failed: ${message}`, isUnreadable: true }
}

function cut(text: string): string {
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE - 1).replace(/[\ud800-\udbff]$/, '')}…`
}
