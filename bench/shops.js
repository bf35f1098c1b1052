// Makes order files and databases of a given size, once each, and the runs of orderctl that start from a copy of them.
import { closeSync, constants, copyFileSync, fsyncSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { writeOrders } from './orders-file.js'
import { orderctl, orderctlJson } from './program.js'

/** Enough stock for any number of orders. */
const STOCK = { ORDERCTL_INITIAL_STOCK: '1000000000' }

/** @param {string} folder for the files and databases */
export function openShops(folder) {
  const made = new Map()
  const once = (name, make) => {
    if (!made.has(name)) made.set(name, make(join(folder, name)))
    return made.get(name)
  }

  /** An order file. @param first the number of the first order */
  const file = (count, first = 0) =>
    once(`orders-${first}-${count}.csv`, async (path) => {
      await writeOrders(path, count, first)
      return path
    })

  /** A database with pending orders, and how long its import took. */
  const imported = (count) =>
    once(`imported-${count}.sqlite`, async (path) => {
      const scene = sceneOf(folder, path)
      return { path, scene, import: await importFile(scene, await file(count), count) }
    })

  /** A database with settled orders. */
  const drained = (count) =>
    once(`drained-${count}.sqlite`, async (path) => {
      const before = await imported(count)
      copy(before.path, path)
      const scene = sceneOf(folder, path)
      // It takes the place of its original, for `doctor`.
      await orderctl(scene, 'migrate', '--keep-shop')
      return { path, scene, import: before.import, drain: await drain(scene, count) }
    })

  /** A database with settled orders and some pending ones. */
  const grown = (settled, pending) =>
    once(`grown-${settled}-${pending}.sqlite`, async (path) => {
      copy((await drained(settled)).path, path)
      const scene = sceneOf(folder, path)
      await importFile(scene, await file(pending, settled), pending)
      return { path, scene }
    })

  return { file, imported, drained, grown }
}

export function sceneOf(folder, database, environment) {
  return { ...sceneOn(folder, `sqlite:${database}`, environment), database }
}

export function sceneOn(folder, url, environment) {
  return { folder, environment: { ...STOCK, ORDERCTL_DATABASE_URL: url, ...environment } }
}

/** A scene with a copy of a database. */
export async function copyOf(shop, folder, environment) {
  const path = join(folder, 'orders.sqlite')
  copy((await shop).path, path)
  return sceneOf(folder, path, environment)
}

/** Imports a file of so many new lines. */
export async function importFile(scene, path, lines) {
  const ran = await orderctlJson(scene, 'import', path)
  return checked(ran, ran.result.imported, lines)
}

export async function drain(scene, orders) {
  const ran = await orderctlJson(scene, 'work', '--drain')
  return checked(ran, ran.result.processed, orders)
}

function checked(ran, count, expected) {
  if (count !== expected) throw new Error(`took ${count} instead of ${expected}: ${JSON.stringify(ran.result)}`)
  return ran
}

/** Ends when the copy is on the disk, so that writing it does not disturb what follows. */
function copy(from, to) {
  copyFileSync(from, to, constants.COPYFILE_FICLONE)
  const handle = openSync(to, 'r+')
  fsyncSync(handle)
  closeSync(handle)
}
