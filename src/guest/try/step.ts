/** The steps of an instance's first boot, in the order in which they are reported. */
export const STEPS = [
  'loader',
  'kernel',
  'system',
  'dhcp',
  'address',
  'metadata',
  'user-data',
  'host-name',
  'ssh',
  'login',
  'power-off',
  // After a second boot, as another instance.
  'host-keys-differ',
  'machine-id-differs',
] as const
/** One of STEPS. */
export type StepName = (typeof STEPS)[number]

/** The steps that make a guest an instance. */
export const REQUIRED_STEPS = [
  'loader',
  'kernel',
  'system',
  'dhcp',
  'address',
  'metadata',
] as const satisfies readonly StepName[]

/** What is known of a step. */
export interface Step {
  step: StepName
  /** `not-seen` is no proof that it did not happen: for example, a guest without a serial console shows no kernel. */
  result: 'ok' | 'failed' | 'not-seen'
  /** Milliseconds since the virtual machine started; undefined if the step has no moment. */
  at: number | undefined
  /** What was seen, for people: `GRUB 2.06`, `172.16.0.10 for udhcp 1.35.0`. */
  message: string
}
