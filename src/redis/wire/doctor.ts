import type { StoreFacts } from '../../core/store-report.js';
import type { StoreReport } from '../../core/store-report.js';
import { hasWaitAof, readInfo } from './server-facts.js';
import { vulnerabilitiesOf } from './server-vulnerabilities.js';

/** Parameters that INFO does not have; CONFIG is often not permitted. */
export const DOCTOR_PARAMETERS = ['appendfsync', 'save', 'min-replicas-to-write', 'min-replicas-max-lag'];

/** What INFO and, where it was permitted, CONFIG GET say, and what it means for jobs. */
export function examineServer(
  facts: StoreFacts,
  infoText: string,
  config: ReadonlyMap<string, string> | undefined,
): StoreReport {
  const info = readInfo(infoText);
  const persistence: StoreReport['persistence'] = {
    appendonly: facts.appendonly,
    appendfsync: fsyncOf(config?.get('appendfsync')),
    snapshots: config?.has('save') ? config.get('save') !== '' : undefined,
  };
  const memory: StoreReport['memory'] = {
    usedBytes: numberOf(info.get('used_memory')),
    limitBytes: numberOf(info.get('maxmemory')),
    policy: facts.maxmemoryPolicy,
  };
  const replication: StoreReport['replication'] = {
    replicas: facts.replicas,
    minReplicasToWrite: numberOf(config?.get('min-replicas-to-write')),
    minReplicasMaxLagSeconds: numberOf(config?.get('min-replicas-max-lag')),
  };
  const { kind, version, mode, summary } = facts;
  return {
    ...{ kind, version, mode, summary, persistence, memory, replication },
    durability: levelsOf(facts, persistence),
    losses: lossesOf(persistence, replication),
    dangers: [...statusDangers(info), ...settingDangers(persistence, memory), ...vulnerabilitiesOf(kind, version)],
    unknown: unknownOf({ persistence, memory, replication, mode, version }),
  };
}

function levelsOf(
  facts: StoreFacts,
  { appendonly, appendfsync }: StoreReport['persistence'],
): StoreReport['durability'] {
  const levels: StoreReport['durability'][number][] = ['primary'];
  if ((facts.replicas ?? 0) > 0) levels.push('replicas');
  // With `appendfsync no` the server never learns when the system has written, and WAITAOF waits in vain.
  if (hasWaitAof(facts) && appendonly === true && appendfsync !== 'no') levels.push('fsync');
  return levels;
}

function lossesOf(
  { appendonly, appendfsync, snapshots }: StoreReport['persistence'],
  { replicas, minReplicasToWrite }: StoreReport['replication'],
): StoreReport['losses'] {
  return {
    crash: ofFile(appendonly, snapshots, 'none: the append-only file has every acknowledged write'),
    powerCut: ofFile(
      appendonly,
      snapshots,
      appendfsync === 'always'
        ? 'none: every write is forced to disk'
        : appendfsync === 'everysec'
          ? 'those of the last second or two'
          : appendfsync === 'no'
            ? 'those that the operating system had not written yet, up to some 30 seconds'
            : 'unknown: appendfsync is not known',
    ),
    failover:
      replicas === undefined
        ? 'unknown: the number of replicas is not known'
        : replicas === 0
          ? 'there is no replica to fail over to'
          : 'those that the replica had not received' +
            ((minReplicasToWrite ?? 0) > 0 ? ', bounded by min-replicas-max-lag' : '') +
            '; none that waited for { replicas } it is among',
  };
}

function ofFile(appendonly: boolean | undefined, snapshots: boolean | undefined, withFile: string): string {
  if (appendonly === undefined) return 'unknown: appendonly is not known';
  if (appendonly) return withFile;
  if (snapshots === false) return 'all: neither an append-only file nor snapshots are configured';
  return 'those since the last snapshot' + (snapshots === undefined ? ', or all where none are configured' : '');
}

function statusDangers(info: ReadonlyMap<string, string>): string[] {
  const dangers: string[] = [];
  if (info.get('role') === 'slave') dangers.push('this is a replica: it refuses writes; connect to its primary');
  if (info.get('aof_last_write_status') === 'err')
    dangers.push('the last write of the append-only file failed: look at the disk');
  if (info.get('rdb_last_bgsave_status') === 'err')
    dangers.push('the last snapshot failed: Redis may refuse writes (MISCONF)');
  return dangers;
}

function settingDangers(
  { appendonly, appendfsync }: StoreReport['persistence'],
  { usedBytes, limitBytes, policy }: StoreReport['memory'],
): string[] {
  const dangers: string[] = [];
  if (policy?.startsWith('allkeys-'))
    dangers.push(`maxmemory-policy is ${policy}: Redis deletes jobs when memory runs short; set noeviction`);
  if (policy?.startsWith('volatile-')) dangers.push(`maxmemory-policy is ${policy}: set noeviction`);
  if (appendonly === false) dangers.push('appendonly is off: a crash of Redis loses what was not yet saved');
  if (appendfsync === 'no')
    dangers.push('appendfsync is "no": a power cut loses up to some 30 seconds; set everysec or always');
  if (limitBytes === 0)
    dangers.push('maxmemory is not set: Redis grows until the system kills it; set maxmemory with noeviction');
  if (limitBytes && usedBytes !== undefined && usedBytes > limitBytes * 0.9) {
    dangers.push('memory is more than 90 % full: at maxmemory enqueues are refused (jobs still run)');
  }
  return dangers;
}

function unknownOf(report: Pick<StoreReport, 'persistence' | 'memory' | 'replication' | 'mode' | 'version'>): string[] {
  const { persistence, memory, replication, mode, version } = report;
  const parts: [string, unknown][] = [
    ['version', version === 'unknown' ? undefined : version],
    ['appendonly', persistence.appendonly],
    ['appendfsync', persistence.appendfsync],
    ['save (snapshots)', persistence.snapshots],
    ['maxmemory', memory.limitBytes],
    ['maxmemory-policy', memory.policy],
    ['replicas', replication.replicas],
    ['min-replicas-to-write', replication.minReplicasToWrite],
  ];
  const unknown = parts.filter(([, value]) => value === undefined).map(([name]) => `${name}: the server did not say`);
  if (mode === 'cluster') unknown.push('the other nodes of the cluster: this is what one of them said');
  return unknown;
}

function fsyncOf(text: string | undefined): StoreReport['persistence']['appendfsync'] {
  return text === 'always' || text === 'everysec' || text === 'no' ? text : undefined;
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === '' || !Number.isFinite(value) ? undefined : value;
}
