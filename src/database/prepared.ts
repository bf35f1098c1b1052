// Statements that are compiled once and run for every batch, since building a statement takes longer than running it.
import { type Compilable, type CompiledQuery, type Expression, type Kysely, type QueryResult, sql } from 'kysely'
import type { Schema } from './schema.js'

/** Returns the placeholder of a named value in the statement. */
export type Parameter<Values> = <Name extends keyof Values & string>(name: Name) => Expression<Values[Name]>

type Build<Values, Row> = (db: Kysely<Schema>, parameter: Parameter<Values>) => Compilable<Row>

export class Prepared<Values extends object, Row = unknown> {
  readonly #build: Build<Values, Row>
  /** The compiled statement for each kind of database. */
  readonly #compiled = new WeakMap<object, CompiledQuery<Row>>()

  constructor(build: Build<Values, Row>) {
    this.#build = build
  }

  async run(db: Kysely<Schema>, values: Values): Promise<QueryResult<Row>> {
    const { adapter } = db.getExecutor()
    let compiled = this.#compiled.get(adapter)
    if (!compiled) {
      compiled = this.#build(db, (name) => sql`${new Placeholder(name)}`).compile()
      this.#compiled.set(adapter, compiled)
    }
    const named: ReadonlyMap<unknown, unknown> = new Map(Object.entries(values))
    const fill = (value: unknown) => (value instanceof Placeholder ? named.get(value.name) : value)
    return db.executeQuery({ ...compiled, parameters: compiled.parameters.map(fill) })
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
