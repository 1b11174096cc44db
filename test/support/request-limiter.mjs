// @ts-check
// What a proxy does that refuses large requests: it reads the commands that pass, and answers those itself that are too large.

const NOTHING = Buffer.alloc(0);

/** Of one connection. */
export class RequestLimiter {
  /** Of a command that has not come as a whole. */
  #unread = NOTHING;
  /** Of replies, while the place of a refusal among them is looked for. */
  #held = NOTHING;
  /** @type {Buffer[]} what stands in the replies where a refusal belongs */
  #marks = [];
  #refused = 0;

  /**
   * @param {number} mostBytes of one request
   * @param {string | undefined} words of the refusal; without them the connection is to be closed
   */
  constructor(mostBytes, words) {
    this.mostBytes = mostBytes;
    this.words = words;
  }

  /** @param {Buffer} bytes of the client @returns {Buffer | undefined} what the server gets; undefined: close */
  request(bytes) {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    const passed = [];
    for (;;) {
      const length = commandLength(this.#unread);
      if (length === undefined) break;
      const command = this.#unread.subarray(0, length);
      this.#unread = this.#unread.subarray(length);
      if (length <= this.mostBytes) passed.push(command);
      else if (this.words === undefined) return undefined;
      else {
        // The server answers in order: an echo keeps the place of the refusal.
        const mark = `refused-request-${++this.#refused}`;
        this.#marks.push(Buffer.from(`$${mark.length}\r\n${mark}\r\n`));
        passed.push(Buffer.from(`*2\r\n$4\r\nECHO\r\n$${mark.length}\r\n${mark}\r\n`));
      }
    }
    return Buffer.concat(passed);
  }

  /** @param {Buffer} bytes of the server @returns {Buffer} what the client gets */
  reply(bytes) {
    this.#held = Buffer.concat([this.#held, bytes]);
    const given = [];
    for (let mark = this.#marks[0]; mark !== undefined; mark = this.#marks[0]) {
      const at = this.#held.indexOf(mark);
      if (at < 0) return Buffer.concat(given);
      given.push(this.#held.subarray(0, at), Buffer.from(`-${this.words}\r\n`));
      this.#held = this.#held.subarray(at + mark.length);
      this.#marks.shift();
    }
    given.push(this.#held);
    this.#held = NOTHING;
    return Buffer.concat(given);
  }
}

/** @param {Buffer} bytes @returns {number | undefined} of the command that they begin with, if all of it is there */
function commandLength(bytes) {
  let at = 0;
  const number = () => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const value = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const parts = number();
  if (parts === undefined) return undefined;
  for (let part = 0; part < parts; part++) {
    const length = number();
    if (length === undefined) return undefined;
    at += length + 2;
    if (at > bytes.length) return undefined;
  }
  return at;
}
