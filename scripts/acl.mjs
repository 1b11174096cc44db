// Prints the Redis ACL rule of one of three users, with no right that its role does not need:
//   node scripts/acl.mjs --role producer|worker|viewer [--prefix tq] [--inbox list …] [--user name] [--redis 7.2] [--database 0]
// Redis checks each command inside a script against the user, so the rule is read off the scripts and the client's calls.
//   producer   all that QueueService and ScheduleService offer; it takes no jobs, fires no schedules and reads no inboxes
//   worker     everything a process of the app does
//   viewer     reads jobs, counts and listings; every write is refused, inside scripts, too
// The password is not printed: add it as `>password` or `#sha256` where you use the line.
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { scriptNames, scriptText } from '../src/redis/scripts/complete.mjs';

const SOURCE = new URL('../src/redis/', import.meta.url);

/** What ioredis sends on its own: handshake, ready check, the watchdog's PING. */
const HANDSHAKE = ['hello', 'auth', 'client|setname', 'client|setinfo', 'select', 'info', 'ping', 'quit'];
/** Whether the server still is the primary, and knows of the subscriptions. */
const WATCH = ['role', 'pubsub|numsub'];
/** A cluster's client asks who has which slot, and follows a slot that moves. */
const CLUSTER = ['cluster|slots', 'cluster|shards', 'cluster|info', 'cluster|nodes', 'asking', 'readonly'];
/** A server refuses a rule that names a command it does not know. */
const SINCE_7_2 = ['client|setinfo', 'waitaof'];
const SUBSCRIBE = ['subscribe', 'unsubscribe'];
const RUN = ['evalsha', 'eval', 'script|load'];
const RUN_READ_ONLY = ['evalsha_ro', 'eval_ro', 'script|load'];

/** Scripts of which some calls only read; inside of them a viewer may do what reads. */
const READERS = [
  'counts',
  'explain',
  'group-jobs',
  'list',
  'list-groups',
  'oldest',
  'read',
  'read-bulks',
  'read-processes',
  'read-schedules',
  'scan',
];
/**
 * Scripts behind the verbs of QueueService and ScheduleService. All of them: Redis does not undo what a script did before a command that its
 * user may not run, so a verb must be permitted as a whole or not at all.
 */
const SERVICES = [
  'announce-process',
  'look-alerts',
  'change-alerts',
  'oldest',
  'enqueue',
  'enqueue-plain',
  'explain',
  'take-ids',
  'listen',
  'set-group',
  'set-limits',
  'set-paused',
  'cancel',
  'retry-dead',
  'remove',
  'promote-job',
  'promote',
  'purge',
  'start-bulk',
  'claim-bulks',
  'step-bulk',
  'end-bulk',
  'read',
  'read-bulks',
  'read-processes',
  'due-schedules',
  'register-schedule',
  'pause-schedule',
  'resume-schedule',
  'run-schedule',
  'read-schedules',
  'remove-schedule',
  // Puts in order what any of them leaves that stops in the middle.
  'mend',
  'withdraw',
];
const ROLES = {
  producer: { scripts: SERVICES, direct: ['wait', 'waitaof'], writes: true },
  worker: { scripts: 'all', direct: ['wait', 'waitaof', 'blmove'], writes: true },
  viewer: { scripts: [], direct: [], writes: false },
};
/** Of the commands that scripts call: those that change nothing. */
const READS = new Set(
  'exists get hexists hget hkeys hlen hmget hscan hstrlen lindex llen lpos lrange time zcard zcount zlexcount zmscore zrange zrangebylex zrangebyscore zrank zrevrange zscore'.split(
    ' ',
  ),
);

/** @returns {string[]} commands that a script calls, in lower case */
export function commandsOf(script) {
  const code = scriptText(script).replaceAll(/--[^\n]*/g, '');
  const found = [...code.matchAll(/redis(?:\.call|Call|\.pcall)\(\s*'([A-Z]+)'(?:, '([A-Z]+)')?/g)].map(
    // Of PUBSUB only what a script asks for.
    ([, name, sub]) => (name === 'PUBSUB' ? `${name}|${sub}` : name),
  );
  // A command in a variable: its names stand in the script as words.
  if (/redis(?:\.call|Call|\.pcall)\(\s*[^'\s]/.test(code)) {
    found.push(...[...code.matchAll(/'([HLSZ](?:[A-Z]{3,}))'/g)].map(([, name]) => name));
  }
  return [...new Set(found.map((name) => name.toLowerCase()))].sort(byName);
}

/** @returns {string[]} commands that the client sends beside scripts: `link.command('hget', …)` */
export function directCommands() {
  const found = new Set();
  for (const file of readdirSync(SOURCE, { encoding: 'utf8', recursive: true }).filter((name) =>
    name.endsWith('.ts'),
  )) {
    const source = readFileSync(new URL(file, SOURCE), 'utf8');
    for (const [, name] of source.matchAll(/\.command\(\s*'([a-z]+)'/g)) found.add(name);
  }
  // The doctor does without CONFIG, and its loading of scripts is allowed by its one subcommand.
  found.delete('config');
  found.delete('script');
  return [...found].sort(byName);
}

/**
 * @param {{ role: string, prefix?: string, user?: string, inboxes?: string[], redis?: string, database?: string }} given
 * @returns {string} what follows `ACL SETUSER` (or `user` in an ACL file)
 */
export function aclRule({
  role,
  prefix = 'tq',
  user = `${prefix}-${role}`,
  inboxes = [],
  redis = '7.2',
  database = '0',
}) {
  const { scripts, direct, writes } = ROLES[role];
  const commands = new Set([
    ...HANDSHAKE,
    ...WATCH,
    ...CLUSTER,
    ...SUBSCRIBE,
    ...(writes ? RUN : []),
    ...RUN_READ_ONLY,
    ...(scripts === 'all' ? scriptNames() : scripts).flatMap(commandsOf),
    ...READERS.flatMap(commandsOf).filter((command) => READS.has(command)),
    ...directCommands(),
    ...direct,
  ]);
  if (redis === '7.0') for (const command of SINCE_7_2) commands.delete(command);
  const access = writes ? '~' : '%R~';
  const keys = [`{${prefix}:*`, ...(role === 'worker' ? inboxes : [])].map((pattern) => `${access}${pattern}`);
  // As channelSpace in src/redis/keys.ts.
  const space = database === '0' ? '' : `@${database}:`;
  const channels = [`&${space}{${prefix}:*`, ...(writes ? [`&${space}${prefix}:wake:*`] : [])];
  const granted = [...commands].sort(byName).map((command) => `+${command}`);
  return [user, 'on', 'resetkeys', 'resetchannels', ...keys, ...channels, '-@all', ...granted].join(' ');
}

function byName(one, other) {
  return one < other ? -1 : 1;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = { inboxes: [] };
  const args = process.argv.slice(2);
  const usage =
    'Usage: node scripts/acl.mjs --role producer|worker|viewer [--prefix tq] [--inbox list …] [--user name] [--redis 7.0|7.2] [--database 0]';
  for (let index = 0; index < args.length; index += 2) {
    const [name, value] = [args[index].replace(/^--/, ''), args[index + 1]];
    if (!['role', 'prefix', 'inbox', 'user', 'redis', 'database'].includes(name) || value === undefined) fail(usage);
    if (name === 'inbox') given.inboxes.push(value);
    else given[name] = value;
  }
  if (!Object.hasOwn(ROLES, given.role ?? '')) fail(usage);
  if (given.redis !== undefined && !['7.0', '7.2'].includes(given.redis)) fail(usage);
  for (const name of ['prefix', 'user']) {
    if (given[name] !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(given[name])) {
      fail(`${name}: use 1–64 letters, digits, ".", "_" or "-"`);
    }
  }
  console.log(`ACL SETUSER ${aclRule(given)}`);
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
