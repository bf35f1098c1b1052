// Compares versions of servers and of Node.js.

/** Compares versions number by number: 8.0.4 is older than 8.0.36, and 13.0 is not older than 13. */
export function isOlder(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) < 0
}
