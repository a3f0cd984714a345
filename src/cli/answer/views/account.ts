import type { showAccount } from '../../../registry/account/details.ts'
import type { Section } from '../sections.ts'
import { timeFields } from './backup-object.ts'

/** Returns the sections of `account show`. */
export function accountSections(account: Awaited<ReturnType<typeof showAccount>>): Section[] {
  const { deleted_at: deletedAt } = account
  return [
    {
      title: 'Account',
      fields: [
        { name: 'id', value: account.id },
        { name: 'description', value: account.description },
        ...(deletedAt === null ? [{ name: 'enabled', value: account.enabled }] : []),
        { name: 'deleted_at', value: deletedAt },
        ...timeFields(account, ''),
      ],
    },
    {
      title: 'Images',
      fields: [
        { name: 'image_count', value: account.image_count },
        { name: 'image_bytes', value: account.image_bytes },
      ],
    },
  ]
}
