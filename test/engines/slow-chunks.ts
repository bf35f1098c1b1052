// For tests that step in between two transactions of an import.
import type { EnginePlace } from './place.js'

/** Makes every chunk take a while, so that what a test does after one comes before the next on any machine. */
export async function slowChunks(place: EnginePlace): Promise<void> {
  const count = `select count(*) from (with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 1500000)
    select n from numbers)`
  const statements = {
    sqlite: [`create trigger slow after update of byte_offset on imports begin ${count}; end`],
    postgres: [
      'create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.2); return null; end $$',
      'create trigger slow after update of byte_offset on imports for each row execute function slow()',
    ],
    mysql: [
      `create trigger slow after update on imports for each row
         begin if new.byte_offset <> old.byte_offset then do sleep(0.2); end if; end`,
    ],
  }
  for (const statement of statements[place.engine]) await place.rows(statement)
}
