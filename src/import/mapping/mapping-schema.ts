// The form of a mapping file. Loaded only for a file: zod takes longer to load than most commands do.
import { z } from 'zod'
import { DELIMITERS } from '../../csv/dialect.js'
import { CURRENCIES } from '../../domain/money.js'
import { FIELDS } from './mapping.js'

const column = z.string().min(1)
const rule = { reason: z.string().min(1).max(40).describe('What the line is counted as, such as cancelled'), column }

const rules = z.array(
  z.union(
    [
      z.strictObject({ ...rule, is: z.array(z.string()).min(1) }),
      z.strictObject({ ...rule, startsWith: z.string().min(1) }),
      z.strictObject({ ...rule, cell: z.enum(['filled', 'blank']) }),
    ],
    'expected reason, column, and one of is, startsWith and cell',
  ),
)

export const mappingSchema = z
  .strictObject({
    $schema: z.string().optional(),
    preset: z.string().nullable().default(null).describe('The preset that the mapping was made from'),
    columns: z
      .partialRecord(z.enum(FIELDS), z.array(column).min(1))
      .describe(
        'Columns of each field. The first one with a value counts; the columns of order_date and of customer_name are joined. Case, accents, blanks and punctuation do not matter.',
      ),
    encoding: z.string().optional().describe('As in windows-1252'),
    delimiter: z.enum(DELIMITERS).optional(),
    quotes: z.boolean().optional().describe('False: a quote is a character like any other'),
    decimal: z.enum(['point', 'comma']).optional().describe('The decimal mark of all amounts and quantities'),
    dateOrder: z.enum(['ymd', 'dmy', 'mdy']).optional().describe('The order of day, month and year'),
    currency: z
      .string()
      .refine((code) => CURRENCIES.some((known) => known === code), 'is no ISO 4217 code such as EUR')
      .optional()
      .describe('ISO 4217 code of amounts that name no currency'),
    noCustomer: z.array(z.string()).optional().describe('Values of customer_id that stand for none'),
    guests: z.boolean().optional().describe('False: an empty customer_id is an error'),
    unsold: z.boolean().optional().describe('False: a line without units or with a negative amount is an error'),
    repeatedTotals: z
      .boolean()
      .optional()
      .describe('False: an order with the same line_total on several lines is rejected: it may be that of the order'),
    lineTotals: z
      .array(column)
      .optional()
      .describe('Columns with the total of the line, besides its amount: a line that contradicts one is rejected'),
    otherTotals: z
      .array(column)
      .optional()
      .describe('Columns with other totals: a line of several units whose unit_price equals one is rejected'),
    otherPrices: z
      .array(column)
      .optional()
      .describe('Columns with another price: a line is rejected if it differs from its unit_price'),
    continued: z
      .boolean()
      .optional()
      .describe('Whether a line inherits what it leaves blank from the line before it, of the same order'),
    skip: rules
      .optional()
      .describe(
        'Lines that are not stored. The first rule that matches gives the reason; case does not matter for is.',
      ),
    reject: rules
      .optional()
      .describe('Lines of which nothing says whether they are sold. They are rejected: a person decides'),
    footers: z.array(z.string().min(1)).optional().describe('Lines that start with one of these texts are skipped'),
    items: z
      .strictObject({ prefix: column, separator: column, assigns: column })
      .optional()
      .describe(
        'Columns with several items on a line, as in name:Tea|sku:T-1. Their parts are named item.sku and so on.',
      ),
  })
  .meta({ title: 'orderctl mapping', description: 'How the columns of an order file become the fields of order lines' })
