// Commands that a person can copy into a shell.

/** Returns the command that continues an interrupted import. */
export function resumeCommand({ file, source }: { readonly file: string; readonly source: string }): string {
  return resumeAllCommand([file], source)
}

/** Returns the command that continues the import of several files, of which the first was interrupted. */
export function resumeAllCommand(files: readonly string[], source: string): string {
  return `orderctl import ${files.map(shellWord).join(' ')}${source === 'default' ? '' : ` --source ${source}`} --resume`
}

/** The text as one word of a shell command, in quotes if it needs them. */
export function shellWord(text: string): string {
  return /^(-|[\w./][\w./-]*)$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
