import { EXIT_STATUS } from '../../errors/exit-status.ts'
import type { Block } from '../blocks.ts'

/** `vdc-manage help exit-codes` */
export const EXIT_CODES: readonly Block[] = [
  { heading: 'EXIT CODES' },
  { list: Object.entries(EXIT_STATUS) },
  { heading: 'SEVERAL ITEMS' },
  {
    text: 'A command on one item exits with the code of its error. A command on several items continues after an error and exits with 9; it stops early only if the database fails, with the code of that error.',
  },
  { heading: 'SINGLE COMMANDS' },
  {
    list: [
      ['image inspect', '3 if any file would be refused.'],
      [
        'image check',
        '3 if a guest is not ready; with --strict also for warnings; otherwise 9 if one of several could not be checked.',
      ],
      ['image build', '3 if the guest in the new file is not ready; the file is kept, but not registered.'],
      ['image prepare', '3 if the guest in the new file is not ready; the file is kept, and its path is printed.'],
      [
        'image try',
        '3 if the guest did not boot, or did not get its address or its metadata; with --twice also if two instances have the same host key or machine ID.',
      ],
      ['image verify', '8 if any image differs, otherwise 9 if a named image could not be checked.'],
      ['db status', '7 if migrations are pending or columns are missing.'],
      ['doctor', '6 if any check failed; warnings are not failures.'],
      ['shell', 'With -e, the code of the first line that failed; without it, 9 if any line failed; at a terminal, 0.'],
    ],
  },
  { heading: 'ERRORS AS JSON' },
  {
    text: 'With --json or --format ndjson, errors are JSON on stdout. The exit code is the same, and "code" stays the same from release to release:',
  },
  { code: ['{"error": {"code": "IMAGE_NOT_FOUND", "message": "…", "exit": 4, …}}'] },
]
