// Packs rows as JSON text, which threads can send each other. This is all of src/database that the reader thread loads.

/** Integers, other numbers, text of at most 255 characters, or text of any length. */
export type ColumnKind = 'integer' | 'real' | 'text' | 'long text'

type KindOf<Value> = unknown extends Value
  ? ColumnKind
  : [NonNullable<Value>] extends [number]
    ? 'integer' | 'real'
    : 'text' | 'long text'

/** The kind of each column, in the order of the values. */
export type Columns<Row> = { readonly [Name in keyof Row]: KindOf<Row[Name]> }

export interface PackedRows<Row, Json = string> {
  readonly columns: Columns<Row>
  /** One array per row: SQLite reads a value from a short array twice as fast as from an object. */
  readonly json: Json
}

export function packRows<Row extends object, const Names extends Partial<Columns<Row>>>(
  columns: Names,
  rows: readonly Row[],
): PackedRows<Pick<Row, keyof Names & keyof Row>> {
  const names = Object.keys(columns) as (keyof Names & keyof Row)[]
  return {
    columns: columns as Columns<Pick<Row, keyof Names & keyof Row>>,
    json: JSON.stringify(rows.map((row) => valuesOf(row, names))),
  }
}

/** A loop, since this and `rowOf` run for every row of an import, and closures would double their time. */
function valuesOf<Row>(row: Row, names: readonly (keyof Row)[]): unknown[] {
  const values: unknown[] = []
  for (const name of names) values.push(row[name])
  return values
}

export function packIds(rows: readonly { readonly id: number }[]): string {
  return JSON.stringify(rows.map((row) => row.id))
}

export function unpackRows<Row>({ columns, json }: PackedRows<Row>): Row[] {
  const names = Object.keys(columns)
  const rows: unknown[][] = JSON.parse(json)
  return rows.map((values) => rowOf(names, values) as Row)
}

/** The object of the values, by name. */
export function rowOf(names: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (let index = 0; index < names.length; index++) row[names[index] ?? ''] = values[index]
  return row
}
