// Reads the keys of a queue past the package, and says what does not agree: each id in exactly one place, none without
// a record, no record without a place, counters that count. To be used while nothing moves.
import { Cluster, Redis } from 'ioredis';

const KINDS =
  'meta jobs ready priority scheduled inflight workers calls idle completed cancelled dead ids traits crashes cancelling waiters notes suspects parked schedules specs ticks runs announced apps uniques payloads stats bulks grouped flying turns held lanes rules';
const ENDS = { C: 'completed', X: 'cancelled', D: 'dead' };

export function connect(connection) {
  if (typeof connection === 'object' && connection.nodes) return new Cluster(connection.nodes, connection.options);
  return new Redis(connection, { maxRetriesPerRequest: null });
}

export async function openAuditor({ connection, queue, prefix = 'tq' }) {
  const redis = connect(connection);
  redis.on('error', () => {});
  const key = (kind) => `{${prefix}:${queue}}:${kind}`;
  return {
    redis,
    key,
    /** Jobs that have not ended, by state. */
    async counts() {
      const [ready, priority, grouped, suspects, scheduled, parked, inflight, holds, holes] = await Promise.all([
        redis.llen(key('ready')),
        redis.zcard(key('priority')),
        redis.zcard(key('grouped')),
        redis.llen(key('suspects')),
        redis.zcard(key('scheduled')),
        redis.zcard(key('parked')),
        redis.hlen(key('inflight')),
        redis.hexists(key('inflight'), '-'),
        redis.hget(key('meta'), 'readyHoles'),
      ]);
      const waiting = ready + priority + grouped + suspects - Number(holes ?? 0);
      return { ready: waiting, scheduled, parked, active: inflight - holds };
    },
    async pending() {
      const { ready, scheduled, parked, active } = await this.counts();
      return ready + scheduled + parked + active;
    },
    audit: () => audit(redis, key, `{${prefix}:`),
    close: () => redis.disconnect(),
  };
}

async function audit(redis, key, base) {
  const violations = [];
  const wrong = (text) => violations.length < 20 && violations.push(text);
  const records = await wholeHash(redis, key('jobs'));
  // Of records that leave their payload out, because it is long.
  const payloads = await wholeHash(redis, key('payloads'));
  const meta = await redis.hgetall(key('meta'));
  const inflight = await wholeHash(redis, key('inflight'));
  const places = new Map();
  const put = (id, place) => {
    if (places.has(id)) wrong(`${id} is in ${places.get(id)} and in ${place}`);
    places.set(id, place);
  };

  let holes = 0;
  const isLive = (id) => records.has(id) && !(records.get(id)[0] in ENDS);
  for (const id of await redis.lrange(key('ready'), 0, -1)) {
    if (isLive(id)) put(id, 'ready');
    else holes++;
  }
  if (holes !== Number(meta.readyHoles ?? 0)) wrong(`readyHoles says ${meta.readyHoles ?? 0}, there are ${holes}`);
  for (const id of await redis.lrange(key('suspects'), 0, -1)) if (isLive(id)) put(id, 'suspects');
  for (const id of await redis.zrange(key('priority'), 0, -1)) put(id, 'priority');
  for (const id of await redis.zrange(key('scheduled'), 0, -1)) put(id, 'scheduled');
  for (const entry of await redis.zrange(key('parked'), 0, -1)) put(/([^ ]+)$/.exec(entry)[1], 'parked');
  for (const id of inflight.keys()) if (id !== '-') put(id, 'inflight');
  for (const id of await auditGroups(redis, key, inflight, wrong)) put(id, 'grouped');
  let completed = 0;
  for (const element of await redis.lrange(key('completed'), 0, -1)) {
    for (const id of element.split(' ').slice(3)) {
      if (!records.has(id)) continue; // removed by hand
      put(id, 'completed');
      completed++;
    }
  }
  if (completed !== Number(meta.completedCount ?? 0))
    wrong(`completedCount says ${meta.completedCount}, there are ${completed}`);
  for (const id of await redis.zrange(key('cancelled'), 0, -1)) put(id, 'cancelled');
  for (const id of await redis.zrange(key('dead'), 0, -1)) put(id, 'dead');

  const jobs = [];
  for (const [id, record] of records) {
    if (id === '-') continue; // keeps the hash a table
    const end = ENDS[record[0]];
    const place = places.get(id);
    if (place === undefined) wrong(`${id} is in no place: ${record.slice(0, 40)}`);
    else if ((end ?? 'live') !== (place in { completed: 1, cancelled: 1, dead: 1 } ? place : 'live')) {
      wrong(`${id} lies in ${place} and its record says ${end ?? 'live'}`);
    }
    jobs.push(readRecord(id, record, end, place, payloads));
  }
  for (const id of payloads.keys()) {
    if (
      records
        .get(id)
        ?.replace(/^[CXD].*\n/, '')
        .includes('\n') ??
      true
    )
      wrong(`${id} has a payload that no record leaves out`);
  }
  for (const [id, place] of places) if (!records.has(id)) wrong(`${id} lies in ${place} without a record`);
  for (const [userId, id] of await wholeHash(redis, key('ids'))) {
    if (!records.has(id)) wrong(`the id ${userId} leads to ${id}, which has no record`);
  }
  for (const kind of ['crashes', 'cancelling']) {
    for (const id of (await wholeHash(redis, key(kind))).keys()) {
      if (!isLive(id)) wrong(`${kind} still holds ${id}, which has ended or gone`);
    }
  }
  const known = new Set(KINDS.split(' ').map(key));
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  for (const node of nodes) {
    for (const name of await node.keys('*')) {
      if (name.startsWith(base) && name.startsWith(key('')) && !known.has(name)) wrong(`nobody knows the key ${name}`);
    }
  }
  return { jobs, violations };
}

/**
 * A group with ready jobs is among the turns or is held, and no other is; what runs of it is in flight.
 * @returns the ready jobs of groups
 */
async function auditGroups(redis, key, inflight, wrong) {
  const waiting = new Set();
  const ids = [];
  for (const member of await redis.zrange(key('grouped'), 0, -1)) {
    waiting.add(member.slice(0, member.indexOf('\t')));
    ids.push(member.slice(member.lastIndexOf(' ') + 1));
  }
  for (const member of await redis.zrange(key('flying'), 0, -1)) {
    const [group, id] = member.split('\t');
    if (!inflight.has(id)) wrong(`${id} counts as running in ${group} and is not in flight`);
  }
  const turns = (await redis.zrange(key('turns'), 0, -1)).map((entry) => entry.slice(entry.indexOf(' ') + 1));
  const standing = [...turns, ...(await redis.zrange(key('held'), 0, -1))];
  for (const group of standing) if (!waiting.has(group)) wrong(`the group ${group} has no job that waits`);
  for (const group of waiting) {
    const times = standing.filter((one) => one === group).length;
    if (times !== 1) wrong(`the group ${group} has jobs that wait, and stands ${times} times among turns and held`);
  }
  return ids;
}

function readRecord(id, record, end, place, payloads) {
  const stored = end === undefined ? record : record.slice(record.indexOf('\n') + 1);
  const text = stored.includes('\n') ? stored : `${stored}\n${payloads.get(id)}`;
  const head = text.slice(0, text.indexOf('\n'));
  let payload;
  try {
    payload = JSON.parse(text.slice(text.indexOf('\n') + 1));
  } catch {
    payload = undefined;
  }
  const line = end === undefined ? '' : record.slice(0, record.indexOf('\n'));
  return {
    id,
    n: payload?.n ?? (payload?.schedule && `${payload.schedule}@${payload.scheduledFor}`),
    state: end ?? place,
    detail: line.slice(14),
    head,
    payload,
  };
}

async function wholeHash(redis, name) {
  const found = new Map();
  let cursor = '0';
  do {
    const [next, fields] = await redis.hscan(name, cursor, 'COUNT', 2000);
    for (let i = 0; i < fields.length; i += 2) found.set(fields[i], fields[i + 1]);
    cursor = next;
  } while (cursor !== '0');
  return found;
}
