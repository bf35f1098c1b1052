// Rows on their way into a statement: JSON text, which threads can send each other. The reading thread uses this alone
// of the database, so that it need not load the rest.

/** What a column holds: whole numbers, other ones, text of at most 255 letters, or text of any length. */
export type ColumnKind = 'integer' | 'real' | 'text' | 'long text'

type KindOf<Value> = unknown extends Value
  ? ColumnKind
  : [NonNullable<Value>] extends [number]
    ? 'integer' | 'real'
    : 'text' | 'long text'

/** A kind for each column, in the order in which the values stand. */
export type Columns<Row> = { readonly [Name in keyof Row]: KindOf<Row[Name]> }

/** Rows as JSON text, fit to be sent between threads. */
export interface PackedRows<Row, Json = string> {
  readonly columns: Columns<Row>
  /** An array for each row: SQLite takes a value out of a short array twice as fast as out of an object. */
  readonly json: Json
}

export function packRows<Row extends object, const Names extends Partial<Columns<Row>>>(
  columns: Names,
  rows: readonly Row[],
): PackedRows<Pick<Row, keyof Names & keyof Row>> {
  const names = Object.keys(columns) as (keyof Names & keyof Row)[]
  return {
    columns: columns as Columns<Pick<Row, keyof Names & keyof Row>>,
    json: JSON.stringify(rows.map((row) => names.map((name) => row[name]))),
  }
}

/** Of rows that have one: their ids alone. */
export function packIds(rows: readonly { readonly id: number }[]): string {
  return JSON.stringify(rows.map((row) => row.id))
}

export function unpackRows<Row>({ columns, json }: PackedRows<Row>): Row[] {
  const names = Object.keys(columns)
  const rows: unknown[][] = JSON.parse(json)
  return rows.map((values) => Object.fromEntries(names.map((name, index) => [name, values[index]])) as Row)
}
