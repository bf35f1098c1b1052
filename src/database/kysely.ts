// Kysely, which the build puts into this one file: to load its 264 modules takes longer than most reports do.
export * from 'kysely'
