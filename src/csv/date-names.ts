// Names of months, weekdays and time zones as order files have them.

const LOCALES = ['en', 'en-GB', 'de', 'de-AT', 'fr', 'es', 'pt', 'it', 'nl']

/** Lower case, without accents, and without the full stop of an abbreviation. */
function plainName(name: string): string {
  return name.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replace(/\.$/, '')
}

/** Collects what the languages call a part of each date, in full and abbreviated, alone and with a day. */
function namesOf(part: 'month' | 'weekday', dates: readonly number[]): ReadonlyMap<string, number> {
  const names = new Map<string, number>()
  for (const locale of LOCALES) {
    for (const length of ['long', 'short'] as const) {
      for (const day of [undefined, 'numeric'] as const) {
        const format = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', [part]: length, day })
        for (const [index, date] of dates.entries()) {
          const name = format.formatToParts(date).find(({ type }) => type === part)?.value
          if (name) names.set(plainName(name), index + 1)
        }
      }
    }
  }
  return names
}

let months: ReadonlyMap<string, number> | undefined
let weekdays: ReadonlyMap<string, number> | undefined

/** @returns 1 for January; undefined if the word names no month */
export function monthNumber(word: string): number | undefined {
  months ??= namesOf(
    'month',
    Array.from({ length: 12 }, (_, month) => Date.UTC(2025, month, 15)),
  )
  return months.get(plainName(word))
}

export function isWeekday(word: string): boolean {
  weekdays ??= namesOf(
    'weekday',
    Array.from({ length: 7 }, (_, day) => Date.UTC(2025, 0, 5 + day)),
  )
  return weekdays.has(plainName(word))
}

/** Hours ahead of UTC: the zones of RFC 822, and those of Central Europe. */
const ZONES: Readonly<Record<string, number>> = {
  Z: 0,
  UTC: 0,
  GMT: 0,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  CET: 1,
  CEST: 2,
}

const OFFSET = /^(UTC|GMT)? ?([+-])(\d{1,2})(?::?(\d{2}))?$/

/** Offsets that were read. A file has few, and their grammar bounds them. */
const offsets = new Map<string, number>()

/**
 * Reads `Z`, `CET`, `+02:00`, `-0500` and `UTC+2`.
 *
 * @returns minutes ahead of UTC; undefined if the text is no known zone
 */
export function zoneOffset(text: string): number | undefined {
  const known = offsets.get(text)
  if (known !== undefined) return known
  const offset = parseZone(text.toUpperCase())
  if (offset !== undefined) offsets.set(text, offset)
  return offset
}

function parseZone(zone: string): number | undefined {
  const named = ZONES[zone]
  if (named !== undefined) return named * 60
  const [, , sign, hours, minutes = '0'] = OFFSET.exec(zone) ?? []
  if (sign === undefined || Number(hours) > 14 || Number(minutes) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}
