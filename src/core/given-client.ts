/** What is read of a client of ioredis, of whatever copy or version: an application may have another one than this package. */
export interface GivenClient {
  readonly status: string;
  readonly options: GivenOptions;
  readonly isCluster?: unknown;
  duplicate(...args: never[]): unknown;
  sendCommand(...args: never[]): unknown;
}

export interface GivenRedis extends GivenClient {
  /** What it selected since it was made, among others. */
  readonly condition?: { select?: number } | null;
}

export interface GivenCluster extends GivenClient {
  /** The nodes that it was made with. */
  readonly startupNodes: readonly unknown[];
}

interface GivenOptions {
  readonly db?: unknown;
  readonly keyPrefix?: unknown;
  readonly redisOptions?: { readonly keyPrefix?: unknown };
}

/** Of a client only the options are read: the connections are this package's own. */
export function isGivenRedis(value: unknown): value is GivenRedis {
  return isClient(value) && value.isCluster !== true;
}

export function isGivenCluster(value: unknown): value is GivenCluster {
  return (
    isClient(value) && value.isCluster === true && Array.isArray((value as { startupNodes?: unknown }).startupNodes)
  );
}

/** The database that a client works in: what it selected since it was made, or what it was made with. */
export function databaseOf({ condition, options }: GivenRedis): number {
  return Number(condition?.select ?? options.db ?? 0);
}

function isClient(value: unknown): value is GivenClient {
  if (typeof value !== 'object' || value === null) return false;
  const { options, status, duplicate, sendCommand } = value as Record<string, unknown>;
  return (
    typeof options === 'object' &&
    options !== null &&
    typeof status === 'string' &&
    typeof duplicate === 'function' &&
    typeof sendCommand === 'function'
  );
}
