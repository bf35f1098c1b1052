// Which SKUs are products, for the policy that an unknown one costs its order.
import type { Config } from '../config/config.js'
import { packRows } from '../database/packed-rows.js'

export interface ProductCheck {
  /** Those of the SKUs that are no products. */
  unknown(skus: ReadonlySet<string>): Promise<ReadonlySet<string>>
  close(): Promise<void>
}

/** With the policy `create`, no SKU is unknown. */
export async function openProductCheck(
  policy: Config['inventory.unknownSku'],
  database: Config['database'],
): Promise<ProductCheck> {
  if (policy === 'create') return { unknown: async () => new Set(), close: async () => {} }
  // Loaded here, since an import under the usual policy needs nothing of it.
  const { connect, databaseExists } = await import('../database/connection.js')
  const { rowSource } = await import('../database/row-source.js')
  if (!(await databaseExists(database))) return { unknown: async (skus) => skus, close: async () => {} }
  const db = await connect(database, { connections: 1 })
  // Products are never deleted, so what is known stays so.
  const known = new Set<string>()
  return {
    async unknown(skus) {
      const asked = [...skus].filter((sku) => !known.has(sku)).map((sku) => ({ sku }))
      if (asked.length === 0) return new Set()
      const found = await db
        .selectFrom(rowSource(db, 'asked', packRows({ sku: 'text' }, asked)))
        .innerJoin('products', 'products.sku', 'asked.sku')
        .select('products.sku')
        .execute()
      for (const { sku } of found) known.add(sku)
      return new Set(asked.map(({ sku }) => sku).filter((sku) => !known.has(sku)))
    },
    close: () => db.destroy(),
  }
}
