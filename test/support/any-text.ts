// Text as a hostile file may hold it.
import fc from 'fast-check'

const tricky = fc.constantFrom(
  ...['\u001b[2J', '\n', '\t', '\r', '\u0085', '\u202e', '\u200d', '\ufeff', '\ud83d', '\u0301', '\u0903'],
  ...['界', '한', '\u1112\u1161', 'ก็', '🪴', '👩‍🚀', '❤️', '🇩🇪', '1️⃣', 'ｶﾞ', 'x', '"', ',', '=', '@', ' '],
)

/** Controls, escapes, wide, joined and combining characters. */
export const trickyText = fc.string({ unit: tricky })

/** The same among all of Unicode. A few of its letters change their width after a space, so no exact widths here. */
export const anyText = fc.string({ unit: fc.oneof(tricky, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) })
