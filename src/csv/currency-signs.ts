// Currencies by the codes, signs and names that people write.
import { CURRENCIES, type Currency, isChargeable } from '../domain/money.js'

/** Signs of each currency, in lower case without blanks. A sign of several currencies names none of them. */
const SIGNS = `
  AED dh; AMD ֏; ARS $ ar$; AUD $ a$ au$; AZN ₼; BAM km; BBD $; BDT ৳; BGN лв лв.; BMD $; BND $; BRL r$; BSD $;
  BZD $; CAD $ c$ ca$ $ca; CHF fr. sfr. sfr; CLP $ clp$; CNY ¥ 元 cn¥; COP $ col$; CRC ₡; CZK kč; DKK kr kr. dkr;
  DOP $ rd$; EGP e£; EUR € euro euros; FJD $; GBP £; GEL ₾; GHS ₵ gh₵; GYD $; HKD $ 元 hk$; HUF ft; IDR rp; ILS ₪;
  INR rs rs. ₹; ISK kr kr.; JMD $ j$; JPY ¥ jp¥ 円; KES ksh; KHR ៛; KRW ₩ 원; KYD $; KZT ₸; LAK ₭; LKR rs rs.; LRD
  $; MAD dh; MDL lei; MKD ден; MNT ₮; MUR rs rs.; MXN $ mx$ mex$; MYR rm; NAD $ n$; NGN ₦; NOK kr kr. nkr; NPR rs
  rs.; NZD $ nz$; PAB b/.; PEN s/ s/.; PHP ₱; PKR rs rs.; PLN zł; PYG ₲; RON lei; RSD din din.; RUB ₽ руб руб.;
  SBD $; SCR rs rs.; SEK kr kr. skr; SGD $ s$; SRD $; THB ฿; TRY ₺ tl; TTD $ tt$; TWD $ 元 nt$; UAH ₴ грн грн.; USD
  $ us$ $us; UYU $; VND ₫ đ; XAF fr.; XCD $; XOF fr.; XPF fr.; ZAR r
`

/** Currencies of each sign and of each code, in upper and in lower case. */
const known: ReadonlyMap<string, readonly Currency[]> = currenciesBySign()

function currenciesBySign() {
  const found = new Map<string, Currency[]>()
  const entries = SIGNS.split(';').map((text) => text.trim().split(/\s+/))
  const signsOf = new Map(entries.map(([currency, ...signs]) => [currency, signs]))
  for (const currency of CURRENCIES.filter(isChargeable)) {
    const signs = signsOf.get(currency) ?? []
    for (const sign of [currency, currency.toLowerCase(), ...signs]) {
      found.set(sign, [...(found.get(sign) ?? []), currency])
    }
  }
  return found
}

/** @returns the currencies that a sign or code can mean: none if it is no sign, several for a sign such as `$` */
export function currenciesOf(sign: string): readonly Currency[] {
  const found = known.get(sign)
  if (found) return found
  const plain = sign.normalize('NFKC').replace(/\s/g, '').toLowerCase()
  return known.get(plain) ?? bothOf(known.get(plain.slice(0, 3)), known.get(plain.slice(3)))
}

/** Returns the currencies that both a sign and a code can mean, as in `$10.00 USD`. */
export function bothOf(some: readonly Currency[] = [], others: readonly Currency[] = []): readonly Currency[] {
  return some.filter((currency) => others.includes(currency))
}

const LANGUAGES = ['en', 'de', 'fr', 'es', 'pt', 'it', 'nl']

let names: ReadonlyMap<string, Currency | undefined> | undefined

/** Collects the names of all currencies, as in `us dollar`. Names of two currencies stand for none. */
function currencyNames(): ReadonlyMap<string, Currency | undefined> {
  const found = new Map<string, Currency | undefined>()
  for (const language of LANGUAGES) {
    const named = new Intl.DisplayNames([language], { type: 'currency' })
    for (const currency of CURRENCIES) {
      const name = `${named.of(currency)}`.toLowerCase()
      found.set(name, (found.get(name) ?? currency) === currency ? currency : undefined)
    }
  }
  return found
}

/** @returns the one currency that a code, a sign or a name stands for, as in `eur`, `€` and `Euro` */
export function currencyNamed(text: string): Currency | undefined {
  const [only, second] = currenciesOf(text)
  if (only) return second ? undefined : only
  names ??= currencyNames()
  return names.get(text.toLowerCase())
}
