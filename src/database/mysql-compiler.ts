// Statements are written once, in the words of SQLite and PostgreSQL; here stand those that MySQL has other words for.

import {
  type AggregateFunctionNode,
  type ColumnUpdateNode,
  type CreateIndexNode,
  type CreateTableNode,
  DataTypeNode,
  type DeleteQueryNode,
  IdentifierNode,
  type InsertQueryNode,
  MysqlQueryCompiler,
  OnDuplicateKeyNode,
  OrActionNode,
  type ReferenceNode,
  SelectionNode,
  type SelectModifierNode,
  type UpdateQueryNode,
} from 'kysely'
import { MYSQL_TEXT } from './engine.js'
import { onServer } from './server-tables.js'

export class InnoDbQueryCompiler extends MysqlQueryCompiler {
  #updated: UpdateQueryNode['table']

  /**
   * `update … from`: the other tables stand beside the updated one. A table of one row stands there where there is no
   * other, since only of an update of several tables `in (select …)` becomes a join; otherwise it is asked row by row.
   */
  protected override visitUpdateQuery(node: UpdateQueryNode): void {
    if (!node.table || !node.updates || node.joins || node.with)
      throw new Error('This form of update has no words yet.')
    this.append('update ')
    this.visitNode(node.table)
    this.append(', ')
    if (node.from) this.compileList(node.from.froms)
    else this.append('(select 1) as `alone`')
    this.append(' set ')
    const before = this.#updated
    this.#updated = node.table
    this.compileList(node.updates)
    this.#updated = before
    if (node.where) {
      this.append(' ')
      this.visitNode(node.where)
    }
  }

  /** With its table: the other ones may have a column of that name. */
  protected override visitColumnUpdate(node: ColumnUpdateNode): void {
    if (this.#updated) {
      this.visitNode(this.#updated)
      this.append('.')
    }
    super.visitColumnUpdate(node)
  }

  /** As of several tables, for the same reason as an update. */
  protected override visitDeleteQuery(node: DeleteQueryNode): void {
    this.append('delete ')
    this.compileList(node.from.froms)
    this.append(' ')
    this.visitNode(node.from)
    if (node.where) {
      this.append(' ')
      this.visitNode(node.where)
    }
  }

  /** `on conflict … do update` and `do nothing`. */
  protected override visitInsertQuery(node: InsertQueryNode): void {
    const { onConflict, ...insert } = node
    if (!onConflict) super.visitInsertQuery(node)
    else if (onConflict.doNothing) super.visitInsertQuery({ ...insert, orAction: OrActionNode.create('ignore') })
    else super.visitInsertQuery({ ...insert, onDuplicateKey: OnDuplicateKeyNode.create(onConflict.updates ?? []) })
  }

  /** `for share`, which MariaDB does not know. */
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier === 'ForShare') this.append('lock in share mode')
    else super.visitSelectModifier(node)
  }

  /** `excluded.x`, the row that was to be inserted. */
  protected override visitReference(node: ReferenceNode): void {
    const table = node.table?.table.identifier
    if (!table || !IdentifierNode.is(table) || table.name !== 'excluded') {
      super.visitReference(node)
      return
    }
    this.append('values(')
    this.visitNode(node.column)
    this.append(')')
  }

  /** `sum(x) filter (where …)` is the sum of what the condition lets through. */
  protected override visitAggregateFunction(node: AggregateFunctionNode): void {
    const { filter, ...aggregate } = node
    if (!filter) {
      super.visitAggregateFunction(node)
      return
    }
    const [argument] = aggregate.aggregated
    this.append(`${node.func}(case when `)
    this.visitNode(filter.where)
    this.append(' then ')
    if (argument && !SelectionNode.is(argument)) this.visitNode(argument)
    // `count(*)`
    else this.append('1')
    this.append(' end)')
  }

  /** Texts are compared letter by letter, as everywhere else. */
  protected override visitCreateTable(node: CreateTableNode): void {
    super.visitCreateTable(onServer(node))
    this.append(` engine = innodb default ${MYSQL_TEXT}`)
  }

  /** Names of states, the texts of up to twenty letters, take up the same room whatever they are: a row that grows splits its page. */
  protected override visitDataType(node: DataTypeNode): void {
    if (node.dataType === 'integer') super.visitDataType(DataTypeNode.create('bigint'))
    else super.visitDataType(node.dataType === 'varchar(20)' ? DataTypeNode.create('char(20)') : node)
  }

  /**
   * There are no indexes over some of the rows. A plain one takes in the others, too; a unique one stands over a column
   * that is null in them.
   */
  protected override visitCreateIndex({ where, ...index }: CreateIndexNode): void {
    const [column] = index.columns ?? []
    if (!where || !index.unique || !index.table || !column) {
      super.visitCreateIndex(index)
      return
    }
    this.append('alter table ')
    this.visitNode(index.table)
    this.append(' add column ')
    this.visitNode(index.name)
    this.append(' bigint generated always as (case when ')
    this.visitNode(where.where)
    this.append(' then ')
    this.visitNode(column)
    this.append(' end) virtual, add unique index ')
    this.visitNode(index.name)
    this.append(' (')
    this.visitNode(index.name)
    this.append(')')
  }
}
