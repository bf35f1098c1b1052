// Compares names of columns. Case, accents, blanks and punctuation do not matter.

/** `Order ID`, `order_id` and `OrderId` are the same name. */
export function nameKey(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}#%]/gu, '')
}

/** Returns the positions of the columns that the header has. */
export function positionsOf(header: readonly string[], names: readonly string[] = []): number[] {
  const keys = header.map(nameKey)
  return names.map((name) => keys.indexOf(nameKey(name))).filter((position) => position >= 0)
}
