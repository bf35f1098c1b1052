// Names of columns in English, German, French, Spanish, Portuguese, Italian and Dutch, as data. Names are compared in
// full, after `normalName`: a name that only contains one of these (`cost_price`, `customer_note`) means nothing.

/**
 * What a column can be, each with its names from the most to the least specific: of several columns, the one with the
 * name that comes first counts.
 *
 * `any_total` are names for the total of a line or of a whole order; `time` is the time of `order_date`.
 */
export const SYNONYMS = {
  order_id: `
    order number, order id, order code, order reference, order ref, order name, sales order number, sales order id, sales order,
    sale order number, sale order id, sale order,
    sales document, sales document number, order key, verkaufsbeleg, web order number, increment id, order increment id, id order, purchase id, shop order number,
    bestellnummer, bestell nr, bestell id, auftragsnummer, auftrags nr, auftrags id, bestellung, auftrag,
    numéro de commande, n° commande, commande n°, référence commande, référence de la commande, id commande,
    identifiant commande, commande,
    número de pedido, nº pedido, pedido nº, id de pedido, referencia del pedido, código de pedido, pedido, número de orden,
    orden nº, id de orden, orden, # de venta, número de venta, venta nº, id de venta,
    número da encomenda, encomenda nº, encomenda, id da encomenda, código do pedido, n.º de venda,
    numero ordine, ordine n., id ordine, codice ordine, riferimento ordine, ordine,
    bestelnummer, bestel nr, bestelling nummer, bestel id, bestelling,
    order, sale number, sale id, sales id, ticket number, ticket id,
    invoice number, invoice id, invoice code, rechnungsnummer, rechnungs nr, numéro de facture, n° facture, facture n°,
    número de factura, factura nº, número da fatura, fatura nº, numero fattura, fattura n., factuurnummer, factuur nr,
    invoice, rechnung, facture, factura, fatura, fattura, factuur,
    receipt number, receipt id, receipt, bon nr, bonnummer, ticket nº, numéro de ticket, número de recibo,
    scontrino n., numero scontrino,
    document number, document id, belegnummer, beleg nr, beleg, vorgangsnummer, folio,
    transaction number, transaction id, transaktionsnummer, transaktions id, numéro de transaction, id transaction,
    número de transacción, id de transacción, número da transação, id da transação, numero transazione, id transazione,
    transactienummer, transactie id, transaction,
    id, num
  `,
  customer_key: `
    customer id, customer number, customer code, customer ref, customer reference, customer key, partner id, customer account, client id, client number,
    client code, buyer id, buyer user id, user id, member id, account number, account id, shopper id, id customer, id client,
    sold to party, sold to, debtor number, auftraggeber,
    kundennummer, kunden nr, kunden id, kdnr, kd nr, debitorennummer, debitor, käufer id,
    numéro client, n° client, client n°, id client, code client, identifiant client,
    número de cliente, nº cliente, id de cliente, código de cliente, id comprador, código do cliente, id do comprador,
    numero cliente, id cliente, codice cliente,
    klantnummer, klant nr, klant id, klantcode,
    buyer username, username buyer, username, user name, buyer login, login, buyer nickname, käufername ebay
  `,
  customer_email: `
    customer email, customer email address, customer e-mail, customer e-mail address, client email, buyer email, buyer e-mail,
    buyer email address, billing email, billing email address, contact email, user email, order email, shopper email, purchase email, purchaser email,
    email customer, email billing, email address, e-mail address, email, e-mail, mail,
    kunden email, kunden e-mail, e-mail kunde, email kunde, e-mail adresse, emailadresse, käufer email, käufer e-mail, kundenmail,
    email client, e-mail client, adresse e-mail, adresse email, adresse mail, courriel, email acheteur,
    email del cliente, email cliente, correo electrónico, correo, correo del cliente, email del comprador,
    e-mail do cliente, email do cliente, e-mail do comprador, email comprador,
    e-mail cliente, indirizzo email, indirizzo e-mail, posta elettronica,
    e-mailadres klant, emailadres klant, e-mailadres, email klant, e-mail klant, emailadres
  `,
  customer_name: `
    customer name, customer full name, client name, buyer name, buyer full name, billing name, billing full name, bill to name, contact name,
    full name, name customer, account name, member name, shopper name, sold to name, retailer name,
    kundenname, name des kunden, name kunde, käufer name, käufername, rechnungsname,
    nom du client, nom client, nom de l'acheteur, nom complet, nom de facturation,
    nombre del cliente, nombre cliente, nombre del comprador, nombre completo, razón social,
    nome do cliente, nome do comprador, nome completo,
    nome cliente, nome acquirente, nominativo, ragione sociale,
    klantnaam, naam klant, naam koper, volledige naam,
    customer, client, buyer, shopper, bill to, customer company, company name,
    kunde, käufer, acheteur, cliente, comprador, acquirente, klant, koper
  `,
  first_name: `
    first name, customer first name, billing first name, first name billing, buyer first name, vorname, prénom, primer nombre, primeiro nome,
    voornaam
  `,
  last_name: `
    last name, surname, family name, customer last name, billing last name, last name billing, buyer last name, nachname, familienname,
    nom de famille, apellido, apellidos, sobrenome, cognome, achternaam
  `,
  product_sku: `
    sku, product sku, item sku, variant sku, lineitem sku, line item sku, custom sku, seller sku, merchant sku, offer sku, article sku,
    product code, item code, stock code, article code, item number, item no, article number, product number, material number, material code,
    part number, product reference, inventory item code, référence vendeur, sku vendeur, sku offre, product ref, item reference, material, custom label, custom label sku, model number, style number, sku reference number,
    artikelnummer, artikel nr, art nr, artnr, artikelcode, produktnummer, produkt nr, produktcode, materialnummer, bestandseinheit,
    référence produit, référence article, référence du produit, réf produit, réf article, code article, code produit, sku produit,
    código de producto, código de artículo, código del producto, referencia del producto, referencia de producto, código sku,
    código do produto, referência do produto, código do item, ref produto,
    codice articolo, codice prodotto, riferimento prodotto, cod articolo,
    productcode, artikel code, productnummer, product nr,
    product id, product key, variant id, article id, asin, id product, sku id, offer id, listing sku, variation number, variation id, produkt id, artikel id, id produit, id article, id del producto, id producto, id do produto,
    id prodotto, id articolo, ean, ean code, ean13, gtin, upc, isbn, barcode, mpn
  `,
  product_name: `
    product name, product title, item name, item title, lineitem name, line item name, line item title, lineitem title, article name, material description, product, item,
    lineitem, line item, line item description, product description, item description, line description, article description,
    item name and description, product service, product or service, title, listing title, offer title, description, article, product line, product label, line item label, item label, label, menu item, product category, product type, item type,
    produktname, produktbezeichnung, produkttitel, artikelname, artikelbezeichnung, artikelbeschreibung, produktbeschreibung,
    positionsbezeichnung, artikeltext, produkt, artikel, bezeichnung, beschreibung, titel,
    nom du produit, nom produit, nom de l'article, nom article, libellé produit, libellé article, désignation article, désignation produit,
    produit, désignation, libellé, intitulé,
    nombre del producto, nombre producto, nombre del artículo, título del producto, título de la publicación, producto, artículo,
    descripción del producto, descripción, título, concepto,
    nome do produto, nome produto, nome do item, título do anúncio, título do produto, produto, artigo, descrição do produto, descrição,
    nome prodotto, nome articolo, prodotto, articolo, descrizione prodotto, descrizione articolo, descrizione, titolo,
    productnaam, artikelnaam, producttitel, product titel, productomschrijving, artikelomschrijving, omschrijving
  `,
  quantity: `
    quantity, qty, item quantity, item qty, product quantity, product qty, lineitem quantity, lineitem qty, line item quantity, line quantity,
    line qty, order quantity, order qty, quantity ordered, qty ordered, ordered quantity, ordered qty, quantity purchased, qty purchased,
    quantity sold, qty sold, units sold, units ordered, units, number of units, unit quantity, sales quantity, pieces, pcs, quantity units,
    transaction quantity, transaction qty, product uom qty, net quantity,
    menge, anzahl, stückzahl, stück, stk, bestellmenge, bestellte menge, artikelmenge, auftragsmenge, artikelanzahl, verkaufte menge,
    quantité, qté, quantité commandée, quantité produit, qté commandée, quantité vendue, quantités, qtés, nombre d'unités,
    cantidad, cant, unidades, uds, cantidad pedida, cantidad vendida, número de unidades,
    quantidade, qtd, qtde, quant, quantidade vendida, qtd vendida,
    quantità, q.tà, qta, q.ta, quantità ordinata, quantità venduta, pezzi,
    aantal, hoeveelheid, stuks, besteld aantal, aantal besteld, aantal stuks
  `,
  returned_units: `
    quantity refunded, qty refunded, refunded quantity, refunded qty, refund quantity, refund qty, units refunded, refunded units,
    quantity returned, qty returned, returned quantity, returned qty, return quantity, return qty, units returned, returned units,
    quantity cancelled, quantity canceled, qty cancelled, qty canceled, cancelled quantity, canceled quantity, cancelled qty, canceled qty,
    retournierte menge, menge retourniert, retourenmenge, rückgabemenge, erstattete menge, menge erstattet, stornierte menge, menge storniert,
    quantité remboursée, qté remboursée, quantité retournée, qté retournée, quantité annulée, qté annulée,
    cantidad devuelta, unidades devueltas, cantidad reembolsada, cantidad cancelada,
    quantidade devolvida, qtd devolvida, quantidade reembolsada, quantidade cancelada,
    quantità resa, quantità restituita, quantità rimborsata, quantità annullata,
    aantal geretourneerd, geretourneerd aantal, retouraantal, aantal terugbetaald, aantal geannuleerd
  `,
  unit_price: `
    unit price, price per unit, price per item, price each, price per piece, unit amount, unit selling price, unit sale price, item unit price,
    product unit price, unit price net, net unit price, unit price excl tax, unit price tax excl, unit price ex tax, unit price ex vat,
    unit price excl vat, unit price excluding tax, unit price without tax, unit price gross, gross unit price, unit price incl tax,
    unit price tax incl, unit price inc tax, unit price inc vat, unit price incl vat, unit price including tax,
    lineitem price, line item price, product price, item price, item selling price, selling price, sale price, sales price, sold price, sold for,
    variant price, article price, price, sku unit original price, price unit, wholesale price, deal price, rate, unit rate, net price, price net, price excl tax, price tax excl, price ex tax, price ex vat,
    price excl vat, item price excl tax, product price tax excl, gross price, price gross, price incl tax, price tax incl, price inc tax,
    price inc vat, price incl vat, item price incl tax, product price tax incl,
    einzelpreis, stückpreis, preis pro stück, preis je stück, preis pro einheit, preis je einheit, einheitspreis, einzelpreis netto,
    netto einzelpreis, einzelpreis brutto, brutto einzelpreis, artikelpreis, produktpreis, verkaufspreis, vk netto, vk brutto, vk preis, vk, preis, nettopreis,
    preis netto, bruttopreis, preis brutto, e preis,
    prix unitaire, prix unitaire ht, prix ht unitaire, pu ht, p.u. ht, prix unitaire ttc, pu ttc, p.u. ttc, pu, p.u., prix à l'unité,
    prix de vente, prix de vente ht, prix de vente ttc, prix produit, prix article, prix, prix ht, prix ttc,
    precio unitario, precio por unidad, precio unitario neto, importe unitario, precio unitario de venta de la publicación, precio de venta,
    precio del producto, precio, precio unidad, precio neto, pvp,
    preço unitário, preço por unidade, valor unitário, preço unitário de venda do anúncio, preço de venda, preço do produto, preço,
    prezzo unitario, prezzo per unità, prezzo cadauno, prezzo di vendita, prezzo articolo, prezzo prodotto, prezzo, prezzo netto, prezzo lordo,
    stuksprijs, stukprijs, prijs per stuk, eenheidsprijs, prijs per eenheid, verkoopprijs, productprijs, artikelprijs, prijs, prijs excl btw,
    prijs incl btw
  `,
  line_total: `
    item revenue, line revenue, item subtotal, line subtotal, line item subtotal, row subtotal, line total, lineitem total, line item total, item total, row total, order line total, extended price, extended amount, line amount, line price,
    line value, line sum, line net amount, item gross sales, gross sales,
    product sales, line total net, row total excl tax, line total excl tax, item total excl tax, line total tax excl, total price tax excl,
    positionssumme, zeilensumme, positionsbetrag, zeilenbetrag, positionspreis, positionswert, zeilenpreis, gesamtpreis position,
    positionsgesamt, summe position, bruttoumsatz, bruttoverkäufe,
    total ligne, total de la ligne, montant ligne, montant de la ligne, sous-total ligne, total article, ventes brutes,
    total línea, total de la línea, importe línea, importe de línea, subtotal línea, total del artículo, total artículo, ventas brutas,
    total da linha, subtotal da linha, total do item, valor total do item, valor da linha, vendas brutas,
    totale riga, importo riga, totale articolo, subtotale riga, vendite lorde,
    regeltotaal, regelbedrag, totaal regel, bedrag regel, totaal artikel, bruto omzet, brutoverkoop
  `,
  any_total: `
    subtotal, sub total, total excl tax, total net, net amount, net sales, amount, sales, revenue, total price, total amount, total sales,
    total value, total, sum, value, gross amount, sale amount, sales amount, turnover, price total, total revenue,
    zwischensumme, nettobetrag, nettowert, gesamt, gesamtpreis, gesamtbetrag, gesamtsumme, summe, betrag, umsatz, erlös, bruttobetrag, wert,
    sous-total, total ht, montant ht, montant, montant total, prix total, total ttc, montant ttc, chiffre d'affaires, ventes, recette,
    importe, importe total, monto, monto total, precio total, ventas, ingresos, total de venta,
    valor, valor total, preço total, vendas, receita, montante,
    totale, importo, importo totale, prezzo totale, subtotale, vendite, ricavo, ricavi, fatturato,
    totaal, totaalbedrag, bedrag, totaalprijs, totale prijs, subtotaal, omzet, verkopen
  `,
  currency: `
    currency, currency code, order currency, order currency code, item currency, price currency, sale currency, transaction currency,
    presentment currency, iso currency code, currency iso, base currency code, document currency, invoice currency,
    währung, währungscode, währg, bestellwährung, devise, code devise, monnaie, moneda, divisa, código de moneda, moeda, código da moeda,
    valuta, codice valuta, valutacode, munteenheid
  `,
  order_date: `
    order date, date order, order datetime, order date time, order timestamp, order created date, order creation date, order created at, order created,
    order placed date, order placed at, order placed, date ordered, date of order, ordered at, ordered on, placed at, placed on,
    purchase date, purchased at, purchased on, date of purchase, purchase point, date purchased, sale date, sales date, date of sale, date sold,
    sold at, sold on,
    bestelldatum, bestellt am, bestellzeitpunkt, auftragsdatum, kaufdatum, gekauft am, verkaufsdatum, verkauft am,
    date de commande, date commande, date de la commande, date d'achat, date de vente,
    fecha de pedido, fecha del pedido, fecha pedido, fecha de orden, fecha de compra, fecha de venta,
    data do pedido, data da encomenda, data da compra, data da venda, data de venda,
    data ordine, data dell'ordine, data di acquisto, data acquisto, data vendita,
    besteldatum, orderdatum, aankoopdatum, verkoopdatum, besteld op,
    created at, date created, created date, created on, creation date, date creation, created, date add, date added, created time, creation time, time created, ts created,
    erstellt am, erstelldatum, erstellungsdatum, angelegt am, date de création, créé le, fecha de creación, creado el, data de criação, criado em,
    data creazione, creato il, aangemaakt op, aanmaakdatum,
    invoice date, date of invoice, rechnungsdatum, date de facture, date facture, date de facturation, fecha de factura, fecha factura,
    data da fatura, data fattura, factuurdatum,
    receipt date, document date, belegdatum, posting date, buchungsdatum, transaction date, transaction datetime, transaction time stamp,
    transaktionsdatum, date de transaction, fecha de transacción, data da transação, data transazione, transactiedatum,
    date, datum, fecha, data, date time, datetime, timestamp, date heure, fecha y hora, data e hora, data ora, zeitpunkt, day
  `,
  time: `
    time, order time, purchase time, sale time, time of sale, transaction time, invoice time, uhrzeit, zeit, bestellzeit, bestelluhrzeit,
    heure, heure de commande, hora, hora del pedido, hora de venta, hora do pedido, hora da venda, ora, ora ordine, orario, tijd, tijdstip,
    besteltijd
  `,
  status: `
    order status, order state, order status name, status, state, financial status, payment status, item status, line status, sale status,
    invoice status, zahlungsstatus, zahlstatus, statut du paiement, estado del pago, status do pagamento, stato pagamento, betaalstatus,
    bestellstatus, auftragsstatus, bestellungsstatus, statut de la commande, statut commande, statut, état de la commande, état,
    estado del pedido, estado de la orden, estado, status do pedido, estado do pedido, situação, situação do pedido,
    stato ordine, stato dell'ordine, stato, orderstatus, bestelstatus, status bestelling
  `,
  cancelled_at: `
    cancelled time, canceled time, cancelled at, canceled at, cancelled on, canceled on, cancelled date, canceled date, cancellation date, date cancelled, date canceled,
    storniert am, stornodatum, stornierungsdatum, annulé le, date d'annulation, cancelado el, fecha de cancelación, cancelado em,
    data de cancelamento, annullato il, data annullamento, geannuleerd op, annuleringsdatum
  `,
  is_cancelled: `
    void, voided, is void, cancelled, canceled, is cancelled, is canceled, storniert, storno, annulée, cancelado, cancelada, anulado,
    annullato, geannuleerd
  `,
  kind: `
    receipt type, event type, transaction type, sale type, line type, line item type, document type, record type, type,
    positionstyp, positionsart, type de ligne, tipo de línea, tipo riga, regeltype,
    belegart, vorgangsart, transaktionsart, type de transaction, type de document, tipo de transacción, tipo de documento, tipo de transação,
    tipo transazione, tipo documento, transactietype, soort, typ, tipo
  `,
} as const satisfies Readonly<Record<string, string>>

export type Meaning = keyof typeof SYNONYMS

export const MEANINGS = Object.keys(SYNONYMS) as Meaning[]

/** Words in front of the name of a part of a line, as in `Order Lines/Quantity` and `line_items.sku`. */
export const ITEM_WORDS =
  'order lines, order line, order items, order item, sale lines, invoice lines, invoice line, line items, line item, lineitem, lineitems, lines, line, items, item, products, product, positionen, position, artikel, produkt, article, articles, produit, producto, produto, prodotto, articolo, artículo, regel'

/** What the name of such a part can mean. The rest belongs to the order, or to nothing: a line's id is no order id. */
export const ITEM_MEANINGS: readonly Meaning[] = [
  'product_sku',
  'product_name',
  'quantity',
  'returned_units',
  'unit_price',
  'any_total',
  'currency',
  'status',
  'kind',
]
