/**
 * Reads pages in the order of a key until one is empty, so that neither a statement nor the memory grows with a table.
 *
 * @param read the next rows whose keys are greater than `after`, in the order of their keys
 */
export async function* pagesOf<Row, Key extends number>(
  read: (after: Key) => Promise<Row[]>,
  keyOf: (row: Row) => Key,
  start = 0 as Key,
): AsyncGenerator<Row[], void> {
  for (let after = start; ; ) {
    const page = await read(after)
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    after = keyOf(last)
  }
}
