// Statements that are compiled once and run with different values, for every batch: building one takes longer than
// running it.
import { type Compilable, type CompiledQuery, type Expression, type Kysely, type QueryResult, sql } from 'kysely'
import type { Schema } from './schema.js'

/** Stands for a value in the statement. */
export type Parameter<Values> = <Name extends keyof Values & string>(name: Name) => Expression<Values[Name]>

export class Prepared<Values extends object, Row = unknown> {
  readonly #build: (db: Kysely<Schema>, parameter: Parameter<Values>) => Compilable<Row>
  /** One for each kind of database. */
  readonly #compiled = new WeakMap<object, CompiledQuery<Row>>()

  constructor(build: (db: Kysely<Schema>, parameter: Parameter<Values>) => Compilable<Row>) {
    this.#build = build
  }

  async run(db: Kysely<Schema>, values: Values): Promise<QueryResult<Row>> {
    const { adapter } = db.getExecutor()
    let compiled = this.#compiled.get(adapter)
    if (!compiled) {
      compiled = this.#build(db, placeholder).compile()
      this.#compiled.set(adapter, compiled)
    }
    const named: ReadonlyMap<string, unknown> = new Map(Object.entries(values))
    const parameters = compiled.parameters.map((value) =>
      value instanceof Placeholder ? named.get(value.name) : value,
    )
    return db.executeQuery({ ...compiled, parameters })
  }

  async all(db: Kysely<Schema>, values: Values): Promise<Row[]> {
    return (await this.run(db, values)).rows
  }
}

class Placeholder {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

function placeholder<Value>(name: string): Expression<Value> {
  return sql<Value>`${new Placeholder(name)}`
}
