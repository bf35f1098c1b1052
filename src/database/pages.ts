/**
 * Reads pages in key order until one is empty, so that statements and memory do not grow with the table.
 *
 * @param read returns the next rows whose keys are greater than `after`, in key order
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
