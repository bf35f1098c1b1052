// Commands that a person can copy into a shell.

/** Returns the command that continues an interrupted import. */
export function resumeCommand({ file, source }: { readonly file: string; readonly source: string }): string {
  const quoted = /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`
  return `orderctl import ${quoted}${source === 'default' ? '' : ` --source ${source}`} --resume`
}
