import type { Inspector } from '../inspector.ts'
import { parallels } from './parallels.ts'
import { qcow } from './qcow.ts'
import { qcow2 } from './qcow2.ts'
import { qed } from './qed.ts'
import { vdi } from './vdi.ts'
import { vhdx } from './vhdx.ts'
import { vmdk } from './vmdk.ts'
import { vmdkDescriptor } from './vmdk-descriptor.ts'
import { vpc } from './vpc.ts'

/** All formats that are looked for, in no order that matters. */
export const INSPECTORS: readonly Inspector[] = [qcow2, qcow, qed, vmdk, vmdkDescriptor, vdi, vpc, vhdx, parallels]
