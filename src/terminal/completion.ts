// What a shell may propose after the words typed so far. Each shell's script is made from this once, so that no press of
// Tab starts the program.

/** `text`: anything, so nothing is proposed; `name` says what is wanted. */
export type Wanted =
  | { readonly kind: 'words'; readonly name: string; readonly words: readonly string[] }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'text'; readonly name: string }

export interface CompletedFlag {
  /** As they are typed: `--yes`, `-y`; the long one first. */
  readonly spellings: readonly string[]
  /** One line of plain text, as are the others. */
  readonly about: string
  /** Undefined for a flag without a value. */
  readonly value: Wanted | undefined
  readonly repeatable: boolean
}

export interface CompletedArgument {
  readonly value: Wanted
  /** It takes all that follows. */
  readonly repeatable: boolean
}

/** A command, a topic, or both: `schedule` runs, and `schedule list` is below it. */
export interface CompletedCommand {
  /** `['failed', 'retry']`; none for the program itself. */
  readonly path: readonly string[]
  readonly below: readonly { readonly word: string; readonly about: string }[]
  readonly flags: readonly CompletedFlag[]
  readonly arguments: readonly CompletedArgument[]
}

export interface Completion {
  /** What the program is called; a word without special characters. */
  readonly program: string
  /** The program itself first; every command after what it is below of. */
  readonly commands: readonly CompletedCommand[]
}

/** Text that shells take as it is between single quotes; bash and zsh alike. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** A word as part of shell text that is read again: quoted only where it has to be. */
export function asWord(word: string, quoted: (text: string) => string): string {
  return /^[\w.,@%+-]+$/.test(word) ? word : quoted(word)
}

export function pathText({ path }: CompletedCommand): string {
  return path.join(' ')
}
