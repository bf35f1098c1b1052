// Rows on their way into a statement: JSON text, which threads can send each other. The reading thread uses this alone
// of the database, so that it need not load the rest.

/** Rows as JSON text, fit to be sent between threads. */
export interface PackedRows<Row, Json = string> {
  readonly columns: readonly (keyof Row & string)[]
  /** An array for each row: SQLite takes a value out of a short array twice as fast as out of an object. */
  readonly json: Json
}

export function packRows<Row extends object, Column extends keyof Row & string>(
  columns: readonly Column[],
  rows: readonly Row[],
): PackedRows<Pick<Row, Column>> {
  return { columns, json: JSON.stringify(rows.map((row) => columns.map((column) => row[column]))) }
}

export function unpackRows<Row>({ columns, json }: PackedRows<Row>): Row[] {
  const rows: unknown[][] = JSON.parse(json)
  return rows.map((values) => Object.fromEntries(columns.map((column, index) => [column, values[index]])) as Row)
}
