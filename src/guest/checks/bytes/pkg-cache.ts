import { leftOver } from './left-over.ts'

export const pkgCache = leftOver({
  id: 'pkg.cache',
  what: 'a package cache is left',
  folders: [
    ['/var/cache/apt', /\.(?:deb|bin)$/],
    ['/var/lib/apt/lists', /_(?:Packages|Sources|InRelease|Release|Translation-\w+)(?:\.\w+)?$/],
    ['/var/cache/yum'],
    ['/var/cache/dnf'],
    ['/var/cache/libdnf5'],
    ['/var/cache/zypp'],
    ['/var/cache/apk', /\.apk$/],
    ['/var/cache/pacman/pkg'],
  ],
  requirement: 'The caches of package managers are empty.',
  remedy: 'Run apt-get clean, dnf clean all, or the same of the package manager.',
  prepares: 'Deletes the files.',
})
