import { describe, expect, it } from '@jest/globals';
import { examineServer } from '../../src/redis/wire/doctor.js';
import { readServerFacts } from '../../src/redis/wire/server-facts.js';
import { vulnerabilitiesOf } from '../../src/redis/wire/server-vulnerabilities.js';

const INFO = {
  redis_version: '8.2.2',
  role: 'master',
  used_memory: '1000',
  maxmemory: '1000000',
  maxmemory_policy: 'noeviction',
  aof_enabled: '1',
  aof_last_write_status: 'ok',
  rdb_last_bgsave_status: 'ok',
  connected_slaves: '1',
};
const CONFIG = {
  appendfsync: 'everysec',
  save: '3600 1',
  'min-replicas-to-write': '0',
  'min-replicas-max-lag': '10',
};

function examine(
  info: Partial<Record<keyof typeof INFO | 'valkey_version', string>> = {},
  config: Partial<typeof CONFIG> | 'denied' = {},
  mode: 'standalone' | 'cluster' = 'standalone',
) {
  const text = Object.entries({ ...INFO, ...info })
    .filter(([, value]) => value !== '-')
    .map(([name, value]) => `${name}:${value}`)
    .join('\r\n');
  const map = config === 'denied' ? undefined : new Map(Object.entries({ ...CONFIG, ...config }));
  return examineServer(readServerFacts(text, mode), text, map);
}

describe('doctor', () => {
  it('finds nothing to say against a good server', () => {
    expect(examine()).toMatchObject({
      kind: 'redis',
      version: '8.2.2',
      persistence: { appendonly: true, appendfsync: 'everysec', snapshots: true },
      memory: { usedBytes: 1000, limitBytes: 1_000_000, policy: 'noeviction' },
      replication: { replicas: 1, minReplicasToWrite: 0, minReplicasMaxLagSeconds: 10 },
      durability: ['primary', 'replicas', 'fsync'],
      losses: {
        crash: expect.stringMatching(/^none/),
        powerCut: 'those of the last second or two',
        failover: expect.stringMatching(/^those that the replica had not received; none that waited/),
      },
      dangers: [],
      unknown: [],
    });
  });

  it('says unknown where it may not ask', () => {
    const report = examine(
      { maxmemory_policy: '-', maxmemory: '-', connected_slaves: '-', aof_enabled: '-' },
      'denied',
    );
    expect(report.unknown.map((line) => line.split(':')[0])).toEqual([
      'appendonly',
      'appendfsync',
      'save (snapshots)',
      'maxmemory',
      'maxmemory-policy',
      'replicas',
      'min-replicas-to-write',
    ]);
    expect(report.losses).toEqual({
      crash: 'unknown: appendonly is not known',
      powerCut: 'unknown: appendonly is not known',
      failover: 'unknown: the number of replicas is not known',
    });
    expect(report.durability).toEqual(['primary']);
  });

  it('says that a cluster has other nodes', () => {
    expect(examine({}, {}, 'cluster').unknown).toEqual([expect.stringContaining('one of them')]);
  });

  it.each([
    [{ role: 'slave' }, {}, /replica: it refuses writes/],
    [{ aof_last_write_status: 'err' }, {}, /append-only file failed/],
    [{ rdb_last_bgsave_status: 'err' }, {}, /snapshot failed/],
    [{ maxmemory_policy: 'allkeys-lru' }, {}, /deletes jobs/],
    [{ maxmemory_policy: 'volatile-ttl' }, {}, /set noeviction/],
    [{ aof_enabled: '0' }, {}, /appendonly is off/],
    [{}, { appendfsync: 'no' }, /appendfsync is "no"/],
    [{ maxmemory: '0' }, {}, /maxmemory is not set/],
    [{ used_memory: '950000' }, {}, /90 % full/],
    [{ redis_version: '7.0.15' }, {}, /CVE-2025-49844/],
  ])('warns of %j %j', (info, config, danger) => {
    expect(examine(info, config).dangers).toEqual([expect.stringMatching(danger)]);
  });

  it.each([
    ['that no replica follows', { connected_slaves: '0' }, {}, ['primary', 'fsync']],
    ['without an append-only file', { aof_enabled: '0' }, {}, ['primary', 'replicas']],
    ['that never forces it to disk', {}, { appendfsync: 'no' }, ['primary', 'replicas']],
    ['older than WAITAOF', { redis_version: '7.0.15' }, {}, ['primary', 'replicas']],
  ])('names the levels that a server %s can confirm', (_what, info, config, levels) => {
    expect(examine(info, config).durability).toEqual(levels);
  });

  it.each([
    [{ aof_enabled: '0' }, {}, { crash: 'those since the last snapshot' }],
    [{ aof_enabled: '0' }, { save: '' }, { powerCut: expect.stringMatching(/^all/) }],
    [{}, { appendfsync: 'always' }, { powerCut: expect.stringMatching(/^none/) }],
    [{ connected_slaves: '0' }, {}, { failover: 'there is no replica to fail over to' }],
    [{}, { 'min-replicas-to-write': '1' }, { failover: expect.stringContaining('bounded by min-replicas-max-lag') }],
  ])('tells what %j %j may lose', (info, config, losses) => {
    expect(examine(info, config).losses).toMatchObject(losses);
  });
});

it.each([
  ['redis', '7.2.10', true],
  ['redis', '7.2.11', false],
  ['redis', '7.0.15', true],
  ['redis', '8.0.3', true],
  ['redis', '8.1.9', true],
  ['redis', '8.4.0', false],
  ['valkey', '8.1.3', true],
  ['valkey', '8.1.4', false],
  ['valkey', '9.0.0', false],
  ['redis', 'unknown', false],
] as const)('%s %s has a known hole: %s', (kind, version, has) => {
  expect(vulnerabilitiesOf(kind, version).length > 0).toBe(has);
});
