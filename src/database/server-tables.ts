// What tables on a server have not, and tables in a file have.
import type { CreateTableNode } from 'kysely'

/**
 * Without `without rowid` and its like, which are SQLite's, and without foreign keys. Each costs a lookup for every row
 * that is written (a fifth of a drain on PostgreSQL) and a lock on the row that is referred to until the transaction ends,
 * where everybody wants the same few products. They would find nothing: what refers to a row is written by a statement
 * that reads that row, and rows are removed in a turn of their own (removeUnusedNames). `rebuild --check` looks after it.
 */
export function onServer({ endModifiers: _, ...table }: CreateTableNode): CreateTableNode {
  return { ...table, columns: table.columns.map(({ references: __, ...column }) => column) }
}
