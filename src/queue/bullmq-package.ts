// What we use of BullMQ, which the build puts into this one file: to load its modules takes longer than most commands do.
export { type JobsOptions, Queue, Worker } from 'bullmq'
