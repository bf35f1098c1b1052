// A large database: how long it takes to fill, what more orders cost there, and what reports cost.
import { copyOf, drain, importFile } from '../shops.js'
import { counted } from '../table.js'
import { firstImport } from './import.js'
import { GROWTH_FREE, growth } from './reports.js'
import { wholeDrain } from './work.js'

export function scaleFigures({ shops, orders, large }) {
  const isHuge = large >= 10_000_000
  const above = `above ${counted(large, 'orders')}`
  const once = (step, figure) => ({
    ...figure(shops, large),
    rounds: 1,
    subject: { name: step, run: async () => (await shops.drained(large))[step] },
    peers: [],
  })
  return [
    { ...once('import', firstImport), memory: 200 },
    once('drain', wholeDrain),
    {
      ...firstImport(shops, orders),
      name: `import, ${counted(orders, 'lines')} ${above}`,
      memory: 200,
      subject: {
        name: 'import',
        audits: true,
        prepare: (folder) => copyOf(shops.drained(large), folder),
        run: async (scene) => importFile(scene, await shops.file(orders, large), orders),
      },
      peers: [{ ...firstImport(shops, orders).subject, name: 'an empty database', target: isHuge ? 0.7 : 0.8 }],
    },
    {
      ...wholeDrain(shops, orders),
      name: `work --drain, ${counted(orders, 'orders')} ${above}`,
      subject: {
        name: 'work --drain',
        audits: true,
        prepare: (folder) => copyOf(shops.grown(large, orders), folder),
        run: (scene) => drain(scene, orders),
      },
      peers: [{ ...wholeDrain(shops, orders).subject, name: 'an empty database', target: isHuge ? 0.7 : 0.95 }],
    },
    ...GROWTH_FREE.map((args) => growth(shops, { from: orders, to: large, target: 2 }, args)),
  ]
}
