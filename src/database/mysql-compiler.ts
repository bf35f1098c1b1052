// Translates statements to MySQL's SQL. They are written once, in the SQL of SQLite and PostgreSQL.
import {
  type AggregateFunctionNode,
  type ColumnUpdateNode,
  type CreateIndexNode,
  type CreateTableNode,
  type DataTypeNode,
  type DeleteQueryNode,
  IdentifierNode,
  type InsertQueryNode,
  MysqlQueryCompiler,
  OnDuplicateKeyNode,
  type OperationNode,
  OrActionNode,
  type ReferenceNode,
  SelectionNode,
  type SelectModifierNode,
  type UpdateQueryNode,
} from 'kysely'
import { MYSQL_TEXT, onServer } from './engine.js'

const TYPES: Readonly<Record<string, string>> = {
  integer: 'bigint',
  // States get a fixed width: a row that grows would split its page.
  'varchar(20)': 'char(20)',
  // A text has up to 64 KiB, and MariaDB wraps longer ones around that it copies from JSON, without an error.
  text: 'mediumtext',
}

export class InnoDbQueryCompiler extends MysqlQueryCompiler {
  #updated: UpdateQueryNode['table']

  /** Appends text and nodes in the given order. */
  #write(...parts: readonly (string | OperationNode)[]): void {
    for (const part of parts) {
      if (typeof part === 'string') this.append(part)
      else this.visitNode(part)
    }
  }

  /**
   * Translates `update … from` to an update of several tables. An update without `from` gets a second table of one row:
   * only with one does MySQL turn `in (select …)` into a join, instead of running it for every row.
   */
  protected override visitUpdateQuery(node: UpdateQueryNode): void {
    if (!node.table || !node.updates || node.joins || node.with)
      throw new Error('This form of update has no translation yet.')
    this.#write('update ', node.table, ', ')
    if (node.from) this.compileList(node.from.froms)
    else this.append('(select 1) as `alone`')
    this.append(' set ')
    this.#updated = node.table
    this.compileList(node.updates)
    this.#updated = undefined
    if (node.where) this.#write(' ', node.where)
  }

  /** Adds the table, since the other tables may have a column of that name. */
  protected override visitColumnUpdate(node: ColumnUpdateNode): void {
    if (this.#updated) this.#write(this.#updated, '.')
    super.visitColumnUpdate(node)
  }

  /** Writes a delete from several tables, for the same reason as an update. */
  protected override visitDeleteQuery(node: DeleteQueryNode): void {
    this.append('delete ')
    this.compileList(node.from.froms)
    this.#write(' ', node.from)
    if (node.where) this.#write(' ', node.where)
  }

  /** Translates `on conflict … do update` and `do nothing`. */
  protected override visitInsertQuery({ onConflict, ...insert }: InsertQueryNode): void {
    if (!onConflict) super.visitInsertQuery(insert)
    else if (onConflict.doNothing) super.visitInsertQuery({ ...insert, orAction: OrActionNode.create('ignore') })
    else super.visitInsertQuery({ ...insert, onDuplicateKey: OnDuplicateKeyNode.create(onConflict.updates ?? []) })
  }

  /** Translates `for share`, which MariaDB does not know. */
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier === 'ForShare') this.append('lock in share mode')
    else super.visitSelectModifier(node)
  }

  /** Translates `excluded.x`, the value that would have been inserted. */
  protected override visitReference(node: ReferenceNode): void {
    const table = node.table?.table.identifier
    if (table && IdentifierNode.is(table) && table.name === 'excluded') this.#write('values(', node.column, ')')
    else super.visitReference(node)
  }

  /** Translates `sum(x) filter (where …)` to `sum(case when … then x end)`. */
  protected override visitAggregateFunction({ filter, ...aggregate }: AggregateFunctionNode): void {
    const [argument] = aggregate.aggregated
    const isStar = !argument || SelectionNode.is(argument)
    if (!filter) super.visitAggregateFunction(aggregate)
    else this.#write(`${aggregate.func}(case when `, filter.where, ' then ', isStar ? '1' : argument, ' end)')
  }

  protected override visitCreateTable(node: CreateTableNode): void {
    super.visitCreateTable(onServer(node))
    this.append(` engine = innodb default ${MYSQL_TEXT}`)
  }

  protected override visitDataType({ dataType }: DataTypeNode): void {
    this.append(TYPES[dataType] ?? dataType)
  }

  /**
   * Replaces partial indexes, which MySQL lacks. A plain index covers all rows. A unique index covers a generated
   * column that is null in the rows outside the condition.
   */
  protected override visitCreateIndex({ where, ...index }: CreateIndexNode): void {
    const { table, name, columns: [column] = [] } = index
    if (!where || !index.unique || !table || !column) {
      super.visitCreateIndex(index)
      return
    }
    this.#write('alter table ', table, ' add column ', name, ' bigint generated always as (case when ')
    this.#write(where.where, ' then ', column, ' end) virtual, add unique index ', name, ' (', name, ')')
  }
}
