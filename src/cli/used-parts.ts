/**
 * Which parts of the program this run has used: ids of commands, engines of databases,
 * formats of answers. By them bin/code-cache.js knows whether the compiled code that it
 * keeps holds all that such a run needs.
 */
export const usedParts = new Set<string>()
