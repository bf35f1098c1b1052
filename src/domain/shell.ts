// Commands that a person can copy into a shell.

/** Returns the command that continues an interrupted import. */
export function resumeCommand({ file, source }: { readonly file: string; readonly source: string }): string {
  return resumeAllCommand([file], source)
}

/** Returns the command that continues the import of several files, of which the first was interrupted. */
export function resumeAllCommand(files: readonly string[], source: string): string {
  const quoted = files.map((file) => (/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`))
  return `orderctl import ${quoted.join(' ')}${source === 'default' ? '' : ` --source ${source}`} --resume`
}
