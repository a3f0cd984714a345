/** The formats that may be registered, by QEMU's names (validation.md, "Formats"). */
export const FILE_FORMATS = ['raw', 'qcow2', 'vmdk', 'vdi', 'vpc', 'vhdx', 'parallels', 'qed', 'qcow'] as const
