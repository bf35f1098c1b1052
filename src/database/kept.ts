// Keeps what better-sqlite3 makes from garbage collection. From 24.19 on, Node 24 aborts the process if an addon that
// was compiled for it loses an object while no JavaScript runs. better-sqlite3 13 avoids that, but needs Node 22.

const isAffected = process.versions.node.startsWith('24.')

/** An entry for each connection and each of its statements, of which a process has few. */
const kept: object[] = []

export function keep<Native extends object>(native: Native): Native {
  if (isAffected) kept.push(native)
  return native
}
