// Breaks things at random, and all from the seed: workers, their connections, Redis and its replies.

export class Saboteur {
  /** How often each was done. */
  done = {};

  /**
   * @param trial
   * @param {object} scene
   * @param scene.server redis-server under the workers
   * @param scene.proxy what everybody talks through
   * @param scene.workers replaced in place when one is killed
   * @param scene.startWorker
   * @param [scene.restartRedis] after a kill -9; where it is missing, Redis is not killed
   */
  constructor(trial, scene) {
    Object.assign(this, { trial, scene, killer: trial.admin() });
    this.kinds = ['killed', 'frozen', 'connections', 'redisFrozen', 'replies'];
    if (scene.restartRedis) this.kinds.push('scriptsFlushed', 'halfOpen', 'redisKilled');
    for (const kind of this.kinds) this.done[kind] = 0;
  }

  /** One fault, from its beginning to its end. */
  async strike() {
    const kind = this.kinds[Math.floor(this.trial.random() * this.kinds.length)];
    await this[kind]();
    this.done[kind]++;
  }

  async killed() {
    const { workers, startWorker } = this.scene;
    const index = Math.floor(this.trial.random() * workers.length);
    workers[index].kill();
    await workers[index].exited;
    workers[index] = await startWorker();
  }

  async frozen() {
    const { workers } = this.scene;
    const worker = workers[Math.floor(this.trial.random() * workers.length)];
    worker.kill('SIGSTOP');
    await this.trial.pause(this.trial.leaseMs * 1.5 * this.trial.random());
    worker.kill('SIGCONT');
  }

  connections() {
    return this.killer.client('KILL', 'TYPE', 'normal');
  }

  async redisFrozen() {
    this.scene.server.pause();
    await this.trial.pause(this.trial.leaseMs * this.trial.random());
    this.scene.server.resume();
  }

  async replies() {
    const dropped = this.scene.proxy.dropReply((bytes) => /evalsha/i.test(bytes));
    await Promise.race([dropped, this.trial.pause(500)]);
  }

  scriptsFlushed() {
    return this.killer.script('FLUSH');
  }

  async halfOpen() {
    this.scene.proxy.hole();
  }

  async redisKilled() {
    await this.scene.server.kill();
    await this.trial.pause(500 * this.trial.random());
    this.scene.server = await this.scene.restartRedis();
  }
}
