import type { StoreFacts } from '../../core/store-report.js';
import { IncompatibleStoreError, UnsupportedError } from '../../core/errors/store-errors.js';

/** What INFO says, read without CONFIG, which is often not permitted. */
export function readServerFacts(info: string, mode: 'standalone' | 'cluster' | 'sentinel'): StoreFacts {
  const fields = readInfo(info);
  const valkey = fields.get('valkey_version');
  const kind = valkey === undefined ? 'redis' : 'valkey';
  const version = valkey ?? fields.get('redis_version') ?? 'unknown';
  const appendonly = booleanOf(fields.get('aof_enabled'));
  const maxmemoryPolicy = fields.get('maxmemory_policy');
  const replicas = fields.has('connected_slaves') ? Number(fields.get('connected_slaves')) : undefined;
  const warnings: string[] = [];
  if (appendonly === false) warnings.push('appendonly is off: a crash of Redis loses what was not yet saved');
  if (maxmemoryPolicy?.startsWith('volatile-'))
    warnings.push(`maxmemory-policy is ${maxmemoryPolicy}: noeviction is safer`);
  if (maxmemoryPolicy === undefined) warnings.push('maxmemory-policy is unknown: it must be noeviction');
  const summary =
    `${kind === 'redis' ? 'Redis' : 'Valkey'} ${version} (${mode}), appendonly ${wordOf(appendonly)}, ` +
    `maxmemory-policy ${maxmemoryPolicy ?? 'unknown'}, replicas ${replicas ?? 'unknown'}`;
  return { kind, version, mode, appendonly, maxmemoryPolicy, replicas, summary, warnings };
}

export function readInfo(info: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** A server of another kind than the connection says: it answers, and some or all calls on it would fail for ever. */
export function misfitOf(
  info: string,
  mode: 'standalone' | 'cluster' | 'sentinel',
  place: string,
): IncompatibleStoreError | undefined {
  const fields = readInfo(info);
  const kind = fields.get('redis_mode') ?? fields.get('server_mode');
  if (kind === 'sentinel') {
    const names = [...info.matchAll(/^master\d+:name=([^,]+)/gm)].map(([, name]) => `"${name}"`);
    return new IncompatibleStoreError(
      `The server of the connection (${place}) is a Sentinel: it stores nothing. ` +
        `Pass { sentinels: [{ host, port }], name: ${names[0] ?? '"mymaster"'} } as connection` +
        (names.length > 1 ? `; it watches ${names.join(', ')}.` : '.'),
    );
  }
  if (kind === 'cluster' && mode !== 'cluster') {
    return new IncompatibleStoreError(
      `The server of the connection (${place}) is one node of a cluster: it has some of the queues alone. ` +
        'Pass { nodes: [{ host, port }] } or an ioredis Cluster as connection.',
    );
  }
  // A cluster sends writes to primaries, whatever node answers here.
  if (mode !== 'cluster' && fields.get('role') === 'slave') {
    const primary = fields.has('master_host') ? ` (${fields.get('master_host')}:${fields.get('master_port')})` : '';
    return new IncompatibleStoreError(
      `The server of the connection (${place}) is a read-only replica. Connect to its primary${primary}, ` +
        'or pass { sentinels, name } so that the primary is found.',
    );
  }
  return undefined;
}

export function isReplica(info: string): boolean {
  return readInfo(info).get('role') === 'slave';
}

/** @throws IncompatibleStoreError */
export function refuseUnsafeServer(facts: StoreFacts, allowEviction: boolean): void {
  const least: readonly [number, number] = facts.kind === 'valkey' ? [7, 2] : [7, 0];
  if (isOlder(facts.version, least)) {
    throw new IncompatibleStoreError(
      `${facts.kind} ${facts.version} is too old: nestjs-task-queue needs Redis 7.0 or Valkey 7.2 (script flags).`,
    );
  }
  if (facts.maxmemoryPolicy?.startsWith('allkeys-') && !allowEviction) {
    throw new IncompatibleStoreError(
      `maxmemory-policy is ${facts.maxmemoryPolicy}: Redis would delete jobs when memory runs short. ` +
        'Set it to noeviction, or pass allowEviction: true to accept the loss.',
    );
  }
}

/** Before anything is stored: WAITAOF is of Redis and Valkey 7.2, and needs an append-only file. @throws UnsupportedError */
export function refuseMissingFsync(facts: StoreFacts | undefined): void {
  if (facts === undefined) return;
  if (!hasWaitAof(facts)) {
    throw new UnsupportedError(
      `durability { fsync } needs WAITAOF, which ${facts.kind} ${facts.version} does not have: use 7.2 or newer, or { replicas }.`,
    );
  }
  if (facts.appendonly === false) {
    throw new UnsupportedError('durability { fsync } needs "appendonly yes" on the server, or use { replicas }.');
  }
}

export function hasWaitAof({ version }: StoreFacts): boolean {
  return !isOlder(version, [7, 2]);
}

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ours, minorOfOurs] = version.split('.').map(Number);
  return ours < major || (ours === major && minorOfOurs < minor);
}

function booleanOf(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === '1';
}

function wordOf(value: boolean | undefined): string {
  if (value === undefined) return 'unknown';
  return value ? 'on' : 'off';
}
