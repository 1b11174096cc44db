import type { StoreFacts } from '../core/broker.js';
import { IncompatibleStoreError } from '../core/errors.js';

/** What INFO says, read without CONFIG, which is often not permitted. */
export function readServerFacts(info: string, mode: 'standalone' | 'cluster' | 'sentinel'): StoreFacts {
  const fields = new Map<string, string>();
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
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

/** @throws IncompatibleStoreError */
export function refuseUnsafeServer(facts: StoreFacts, allowEviction: boolean): void {
  const [major, minor] = facts.version.split('.').map(Number);
  const least: readonly [number, number] = facts.kind === 'valkey' ? [7, 2] : [7, 0];
  if (major < least[0] || (major === least[0] && minor < least[1])) {
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

function booleanOf(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === '1';
}

function wordOf(value: boolean | undefined): string {
  if (value === undefined) return 'unknown';
  return value ? 'on' : 'off';
}
