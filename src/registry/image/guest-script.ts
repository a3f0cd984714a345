/* The scripts that guests run at boot. They need no registry, but commands import only from it. */
export { printedScript, SCRIPT_SYSTEMS, type ScriptSystemName } from '../../guest/scripts/printed.ts'
