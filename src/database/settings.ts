// Reads and writes settings that are stored in the database.
import type { Kysely } from 'kysely'
import type { Schema } from './schema.js'

type SettingName = Schema['settings']['name']

export async function readSetting(db: Kysely<Schema>, name: SettingName): Promise<string | undefined> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst()
  return row?.value
}

export async function writeSetting(db: Kysely<Schema>, name: SettingName, value: string): Promise<void> {
  const row = db.insertInto('settings').values({ name, value })
  await row.onConflict((existing) => existing.column('name').doUpdateSet({ value })).execute()
}
