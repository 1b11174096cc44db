import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const HOST = fileURLToPath(new URL('worker-host.mjs', import.meta.url));

/** The measurer's end of one worker host. */
export class WorkerProcess {
  constructor(plan) {
    this.waiting = [];
    this.child = fork(HOST, [JSON.stringify(plan)], { execArgv: ['--expose-gc'] });
    this.gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.on('message', (message) => {
      const met = this.waiting.filter(({ matches }) => matches(message));
      this.waiting = this.waiting.filter((waiter) => !met.includes(waiter));
      for (const { resolve } of met) resolve(message);
    });
    this.child.once('exit', (code) => {
      for (const { reject } of this.waiting) reject(new Error(`The worker process ended early (exit code ${code})`));
    });
    this.ready = this.message(({ type }) => type === 'ready');
  }

  /** The moment (and CPU time so far) of this many handled jobs; ask before it is reached. */
  reached(count) {
    return this.message((message) => message.type === 'milestone' && message.count === count);
  }

  async ask(question) {
    const answer = this.message(({ type }) => type === question);
    this.child.send(question);
    return answer;
  }

  async start() {
    await this.ready;
    return this.ask('start');
  }

  async close() {
    this.waiting = [];
    this.child.send('close');
    await this.gone;
  }

  message(matches) {
    const promise = new Promise((resolve, reject) => this.waiting.push({ matches, resolve, reject }));
    promise.catch(() => {}); // whoever awaits it still sees it
    return promise;
  }
}
