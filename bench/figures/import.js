// `import`, compared with the sqlite3 shell that fills the same tables, and with programs that only read the file.

import { join } from 'node:path'
import { parseAlone } from '../peers/csv-parse.js'
import { readByDuckdb } from '../peers/duckdb.js'
import { importByShell } from '../peers/shell-import.js'
import { withVersion } from '../peers/versions.js'
import { orderctlJson } from '../program.js'
import { copyOf, importFile, sceneOf } from '../shops.js'
import { counted } from '../table.js'

export function importFigures({ shops, orders }) {
  return [
    {
      ...firstImport(shops, orders),
      peers: [shell(shops, orders), csvParse(shops, orders), duckdb(shops, orders)],
    },
    { ...firstImport(shops, 10 * orders), memory: 200, peers: [shell(shops, 10 * orders)] },
    {
      name: `import, ${counted(orders, 'known lines')}`,
      compare: 'speed',
      amount: orders,
      unit: 'lines',
      memory: 200,
      subject: {
        name: 'import',
        audits: true,
        prepare: (folder) => copyOf(shops.imported(orders), folder),
        run: async (scene) => importKnown(scene, await shops.file(orders), orders),
      },
      peers: [{ ...firstImport(shops, orders).subject, name: 'a first import', target: 1 }],
    },
  ]
}

export function firstImport(shops, lines) {
  return {
    name: `import, ${counted(lines, 'lines')}`,
    compare: 'speed',
    amount: lines,
    unit: 'lines',
    subject: {
      name: 'import',
      audits: true,
      prepare: async (folder) => {
        await shops.file(lines)
        return sceneOf(folder, join(folder, 'orders.sqlite'))
      },
      run: async (scene) => importFile(scene, await shops.file(lines), lines),
    },
  }
}

async function importKnown(scene, file, lines) {
  const ran = await orderctlJson(scene, 'import', file)
  if (ran.result.duplicates !== lines) throw new Error(`not all lines were known: ${ran.stdout}`)
  return ran
}

function shell(shops, lines) {
  return {
    name: 'the sqlite3 shell into the same tables',
    target: 1,
    needs: 'sqlite3',
    run: async ({ folder }) => timed(await importByShell(await shops.file(lines), folder)),
  }
}

export function csvParse(shops, lines) {
  return {
    name: `${withVersion('csv-parse')} alone, storing nothing`,
    run: async () => timed(await parseAlone(await shops.file(lines))),
  }
}

function duckdb(shops, lines) {
  return {
    name: `${withVersion('DuckDB', '@duckdb/node-api')} reading the file, storing nothing`,
    needs: '@duckdb/node-api',
    run: async () => timed(await readByDuckdb(await shops.file(lines))),
  }
}

/** What a peer returns as seconds, or undefined if it cannot run here. */
export function timed(seconds) {
  return seconds === undefined ? undefined : { seconds }
}
