/** The headings under which help lists options, in this order. */
export const HELP_GROUPS = [
  'FILTERS',
  'SORTING AND PAGING',
  'INSTANCE',
  'IDENTITY',
  'CONTENTS',
  'BOOT',
  'FILE CHECKS',
  'STORAGE',
  'DOWNLOAD',
  'REGISTRATION',
  'OPTIONS',
  'OUTPUT',
  'COMMON OPTIONS',
] as const
/** A heading under which help lists options. */
export type HelpGroup = (typeof HELP_GROUPS)[number]

/** Options that every command has; help names them in one short block. */
export const COMMON: HelpGroup = 'COMMON OPTIONS'
