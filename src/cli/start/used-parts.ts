/**
 * The parts of the program that this run has used: IDs of commands, database engines, output
 * formats. From them, bin/code-cache.js decides whether its kept code covers such a run.
 */
export const usedParts = new Set<string>()
