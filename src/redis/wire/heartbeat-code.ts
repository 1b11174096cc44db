/**
 * heartbeat.worker.ts and all that it imports, as one text for a thread. scripts/build.mjs writes it into the built
 * package; beside TypeScript sources there is none, and leases are renewed by the main loop.
 */
export const HEARTBEAT_CODE = undefined as string | undefined;
