/** Names of files that lie beside disk images: checksums, signatures, texts, descriptions, and downloads that are not complete. */
const COMPANIONS = [
  /(?:^|[-_.])(?:md5|sha[0-9]+|b2)?(?:sums?|checksums?)(?:[-_.](?:txt|asc|sign?|gpg))*$/i,
  /\.(?:md5|sha[0-9]+|b2)$/i,
  /\.(?:asc|sign?|gpg|pem)$/i,
  /^readme/i,
  /^(?:licen[cs]e|copying|changelog|index|manifest|release|news)$/i,
  /\.(?:txt|md|rst|html?|css|js|json|ya?ml|xml|csv|log|manifest|mf|ovf|list|packages|torrent|zsync|metalink|nfo|conf|ini|sh)$/i,
  /\.(?:part|partial|crdownload|aria2|tmp|swp|bak|lock)$/i,
  /~$/,
]

/** Returns true if a file in a folder of disk images is not one itself, judging by its name. */
export function isCompanion(name: string): boolean {
  return COMPANIONS.some((pattern) => pattern.test(name))
}
