/* The scripts that guests run at boot. They need no registry; commands take them from here, as they do all else. */
export { printedScript, SCRIPT_SYSTEMS, type ScriptSystemName } from '../../guest/scripts/printed.ts'
