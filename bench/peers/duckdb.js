// A peer of `import`: DuckDB reads the file on all cores, detects the types of its columns, and adds up one of them.

/** @param {string} file @returns {Promise<number | undefined>} seconds; undefined if DuckDB is not installed */
export async function readByDuckdb(file) {
  const duckdb = await import('@duckdb/node-api').catch(() => undefined)
  if (!duckdb) return undefined
  const instance = await duckdb.DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const began = performance.now()
  // Every column is used, so that all are read.
  const columns = 'order_id, customer_id, customer_name, product_sku, product_name, currency, order_date'
  await connection.runAndReadAll(
    `select sum(quantity * unit_price), max(hash(${columns})) from read_csv('${file.replaceAll("'", "''")}')`,
  )
  const seconds = (performance.now() - began) / 1000
  connection.closeSync()
  instance.closeSync()
  return seconds
}
