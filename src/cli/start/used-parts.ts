/**
 * The parts of the program that this run has used: IDs of commands, database engines, output
 * formats. They tell bin/code-cache.js whether its kept code has everything that such a run
 * needs.
 */
export const usedParts = new Set<string>()
