// Slow imports, for tests that act between two of its transactions.
import type { EngineShop } from './engine-shop.js'

export async function slowChunks(shop: EngineShop, seconds = 0.2): Promise<void> {
  const count = `select count(*) from (with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${seconds * 7_500_000})
    select n from numbers)`
  const statements = {
    sqlite: [`create trigger slow after update of byte_offset on imports begin ${count}; end`],
    postgres: [
      `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(${seconds}); return null; end $$`,
      'create trigger slow after update of byte_offset on imports for each row execute function slow()',
    ],
    mysql: [
      `create trigger slow after update on imports for each row
         begin if new.byte_offset <> old.byte_offset then do sleep(${seconds}); end if; end`,
    ],
  }
  for (const statement of statements[shop.engine]) await shop.rows(statement)
}

export async function quickChunks(shop: EngineShop): Promise<void> {
  await shop.rows(shop.engine === 'postgres' ? 'drop trigger slow on imports' : 'drop trigger slow')
}
