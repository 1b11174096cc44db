import type { JobEvent, JobEventName, QueueService } from 'nestjs-task-queue';

/** Live events of one queue as they come; tests await the one they need instead of sleeping. */
export class EventLog {
  readonly events: JobEvent[] = [];
  private waiting: { wanted: (event: JobEvent) => boolean; resolve: (event: JobEvent) => void }[] = [];

  private readonly listener = (event: JobEvent): void => {
    this.events.push(event);
    const { waiting } = this;
    this.waiting = waiting.filter(({ wanted, resolve }) => {
      const found = wanted(event);
      if (found) resolve(event);
      return !found;
    });
  };

  /** Resolves once the subscription is up: a job that nobody runs is stored and removed until that is heard. */
  static async open(queues: QueueService, queue: string): Promise<EventLog> {
    const log = new EventLog();
    queues.events(queue).subscribe(log.listener);
    let probe: string | undefined;
    while (log.events.length === 0) {
      probe = (await queues.enqueue(queue, null, { delay: '1h' })).id;
      await queues.remove(queue, probe);
    }
    // What the last probe still causes comes before anything that is enqueued from now on.
    await log.first('removed', probe);
    log.events.splice(0);
    return log;
  }

  /** The first event of this name, of this job or any, that has come or comes. */
  first(name: JobEventName, id?: string): Promise<JobEvent> {
    return this.nth(1, name, id);
  }

  nth(count: number, name: JobEventName, id?: string): Promise<JobEvent> {
    const isIt = (event: JobEvent): boolean =>
      event.event === name && (id === undefined || ('id' in event && event.id === id));
    const past = this.events.filter(isIt);
    if (past.length >= count) return Promise.resolve(past[count - 1]);
    let left = count - past.length;
    return new Promise((resolve) => this.waiting.push({ wanted: (event) => isIt(event) && --left === 0, resolve }));
  }

  /** Names of the events of one job, in order. */
  namesOf(id: string): JobEventName[] {
    return this.events.filter((event) => 'id' in event && event.id === id).map(({ event }) => event);
  }
}
