import { ConfigurationError, InvalidValueError, UnknownOptionError } from '../core/errors/option-errors.js';
import { maskPassword } from '../core/mask-password.js';
import { OTHER_NAMES, REDIS_OPTIONS } from './connection-options.js';

/** What ioredis reads behind the "?" of a URL as a text that it can use. */
const QUERY_OPTIONS = ['db', 'family', 'username', 'password', 'connectionName', 'clientInfoTag'];
const ENCODE =
  'percent-encode the user name and the password (encodeURIComponent), or pass { host, port, username, password }';
const UNSET = 'is an environment variable missing?';
/** What a template writes for a variable that is not set. */
const NOTHING = /^(undefined|null|NaN)$/;

/**
 * A URL that ioredis reads as it was meant: it takes what it cannot read for a host, a database 0 or an option without a word.
 * No error shows what may be a password.
 * @throws InvalidValueError, ConfigurationError, UnknownOptionError
 */
export function readRedisUrl(text: string, remedy: string): string {
  const refuse = (why: string) => new InvalidValueError('connection', maskPassword(text), why);
  if (!/^rediss?:\/\//i.test(text)) throw refuse(`${schemeHint(text)}${remedy}`);
  // Behind the host there is a number and "?", so an "@" there is the end of a password that broke the URL.
  const [, authority, rest] = /^[a-z]+:\/\/([^/?#]*)(.*)$/is.exec(text) as unknown as [string, string, string];
  if (!URL.canParse(text)) {
    if (text.includes('@')) throw refuse(`it cannot be read: ${ENCODE}`);
    if (authority.includes(','))
      throw refuse('it names several servers: pass { nodes } or { sentinels, name } instead');
    throw refuse(`it cannot be read: use redis://user:password@host:port/database; ${UNSET}`);
  }
  const url = new URL(text);
  const query = [...url.searchParams.keys()];
  const readable = !/@/.test(url.pathname + url.hash) && query.every((key) => QUERY_OPTIONS.includes(key));
  if (rest.includes('@') && !readable) throw refuse(`its password has a character that ends the host: ${ENCODE}`);
  if (url.hash !== '') throw refuse(`it has a "#", behind which nothing is read: ${ENCODE}, or remove it`);
  for (const [what, part] of [
    ['user name', url.username],
    ['password', url.password],
  ]) {
    if (!canDecode(part)) throw refuse(`its ${what} has a "%" that begins no percent-encoded character: ${ENCODE}`);
    if (NOTHING.test(part)) throw refuse(`its ${what} is the text "${part}"; ${UNSET}`);
  }
  if (url.hostname === '' || NOTHING.test(url.hostname)) throw refuse(`it names no host; ${UNSET}`);
  readDatabase(url);
  for (const key of query) checkQuery(key);
  return text;
}

function readDatabase({ pathname, searchParams }: URL): void {
  const path = pathname.replace(/^\//, '');
  const query = searchParams.get('db');
  for (const database of [path, query ?? '']) {
    if (database !== '' && !/^\d{1,9}$/.test(database))
      throw new InvalidValueError(
        'database in connection',
        database,
        'a database of Redis is a number: redis://host:6379/0. For a name of your own use prefix of forRoot',
      );
  }
  if (path !== '' && query !== null && Number(path) !== Number(query))
    throw new ConfigurationError(`The connection names two databases: ${path} in its path, ${query} behind the "?".`);
}

function checkQuery(key: string): void {
  if (QUERY_OPTIONS.includes(key)) return;
  const place = 'the URL of connection';
  const fate = Object.hasOwn(REDIS_OPTIONS, key) ? REDIS_OPTIONS[key] : undefined;
  if (typeof fate === 'string')
    throw new ConfigurationError(`The connection has the ioredis option ${key} (in ${place}). ${fate}.`);
  if (key === 'tls')
    throw new ConfigurationError('The URL of connection has "tls". Use rediss:// instead of redis://.');
  if (fate === true)
    throw new ConfigurationError(
      `The URL of connection has "${key}". Pass it in ioredis options: connection: { host, port, ${key} }.`,
    );
  throw new UnknownOptionError(key, place, QUERY_OPTIONS, OTHER_NAMES[key]);
}

function schemeHint(text: string): string {
  if (/^["'`]/.test(text)) return 'it begins with a quotation mark: remove the quotes around it. Or ';
  if (/^https?:/i.test(text))
    return 'this is the address of an HTTP service: take the one that begins with redis:// or rediss://. Or ';
  if (/^valkeys?:/i.test(text)) return 'write redis:// for valkey://, and rediss:// for valkeys://. Or ';
  if (/sentinel/i.test(/^[a-z+-]*:/i.exec(text)?.[0] ?? ''))
    return 'pass { sentinels: [{ host, port }], name } instead. Or ';
  if (/^unix:|^\//i.test(text)) return 'pass { path } for a Unix socket. Or ';
  if (/^[\w.-]+(:\d+)?$/.test(text)) return `write redis:// in front of it. Or `;
  return '';
}

function canDecode(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
