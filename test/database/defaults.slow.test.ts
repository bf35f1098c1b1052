// Servers on which somebody has set other defaults: text, commits, time zones and SQL mean what they mean elsewhere.
import { expectKeptApart } from '../support/foreign-ids.js'
import { describeOnPrivateServers } from '../support/private-servers.js'

describeOnPrivateServers('a server with unusual defaults', (test) => {
  test('keeps a shop like any other', async ({ shop }) => {
    await expectKeptApart(shop)
  })
})
