// What a person says about an order file: flags, or the configuration of its source.
import { describe, expect } from 'vitest'
import { test } from '../support/shop.js'

const CONFIG = 'orderctl.config.json'

describe.concurrent('the configuration of a source', () => {
  test('is listed by config, key by key, with its file', async ({ newShop: shop }) => {
    const webshop = { currency: 'eur', dateFormat: 'dmy', decimal: 'comma', delimiter: 'tab', customer: 'E-Mail' }
    shop.file(CONFIG, JSON.stringify({ sources: { 'web.shop': webshop } }))
    const { code, result } = await shop.json('config')
    const { settings } = result as { settings: { key: string }[] }
    expect(code).toBe(0)
    expect(settings.filter(({ key }) => key.startsWith('sources.'))).toEqual(
      Object.entries(webshop).map(([key, value]) => ({
        ...{ key: `sources.web.shop.${key}`, value, environment: null },
        ...{ origin: expect.stringContaining(CONFIG), about: expect.any(String) },
      })),
    )
  })

  test.for([
    [{ web: { curency: 'EUR' } }, 'unknown_key', 'Did you mean "sources.web.currency"?'],
    [{ web: 'EUR' }, 'bad_configuration', 'does not contain a JSON object at sources.web'],
    [{ web: { currency: 'EURO' } }, 'bad_configuration', 'expected an ISO 4217 code'],
    [{ web: { dateFormat: 'european' } }, 'bad_configuration', 'expected dmy or mdy or ymd'],
    [{ web: { delimiter: '::' } }, 'bad_configuration', 'expected , ; | or tab'],
    [{ web: { map: '' } }, 'bad_configuration', 'expected a text that is not empty'],
  ] as const)('is refused if it is wrong: %j', async ([sources, code, text], { newShop: shop }) => {
    shop.file(CONFIG, JSON.stringify({ sources }))
    const { code: exit, stderr } = await shop.run('config', '--json')
    const { error } = JSON.parse(stderr)
    expect({ exit, code: error.code }).toEqual({ exit: 2, code })
    expect(error.message).toContain(text)
  })
})
