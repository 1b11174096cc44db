import { describe, expect, it } from '@jest/globals';
import { Controller, Injectable, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Cron, Interval, OnQueueAlert, OnQueueEvent, Processor, Timeout } from 'nestjs-task-queue';
import { Explorer } from '../../src/discovery/explorer.js';

class Sender {
  @Processor('mail')
  send() {}
}
class Digest {
  @Cron('0 12 * * *')
  digest() {}
}
class Sweeper {
  @Interval('5s')
  sweep() {}
}
class Warmer {
  @Timeout('1s')
  warm() {}
}
class Listener {
  @OnQueueEvent('mail', 'dead')
  told() {}
}
class AlertListener {
  @OnQueueAlert()
  page() {}
}
class Both extends Listener {
  @Processor('mail')
  send() {}
}
class SilentSender extends Sender {}
class ListeningSender extends SilentSender {
  @OnQueueEvent('mail', 'dead')
  told() {}
}
class FurtherListener extends Listener {
  @OnQueueEvent('mail', 'completed')
  ended() {}
}
class Plain {
  send() {}
}

/** What the explorer says while Nest makes providers. */
async function seenIn(providers: Provider[], controllers: Type<object>[] = []): Promise<boolean> {
  const told: boolean[] = [];
  const asker = {
    provide: 'asker',
    inject: [Explorer],
    useFactory: (explorer: Explorer) => told.push(explorer.seesHandlers()),
  };
  // In front of the others: none of them has been made.
  await Test.createTestingModule({
    imports: [DiscoveryModule],
    providers: [Explorer, asker, ...providers],
    controllers,
  }).compile();
  return told[0];
}

describe('handlers are seen before they are made', () => {
  it.each<[string, Type<object>]>([
    ['@Processor', Sender],
    ['@Cron', Digest],
    ['@Interval', Sweeper],
    ['@Timeout', Warmer],
    ['@Processor of a class that inherits a listener', Both],
    ['@Processor of a class that it extends', SilentSender],
    ['@Processor of a class that it extends, listening itself', ListeningSender],
  ])('where a provider or controller has %s', async (_decorator, type) => {
    Injectable()(type);
    expect(await seenIn([type])).toBe(true);
    expect(await seenIn([Plain, { provide: 'other', useClass: type }])).toBe(true);
    Controller('seen')(type);
    expect(await seenIn([Plain], [type])).toBe(true);
  });

  it.each<[string, Type<object>]>([
    ['has no decorator', Plain],
    ['only listens', Listener],
    ['only hears of alerts', AlertListener],
    ['only listens, as the class it extends does', FurtherListener],
  ])('and not where a class %s', async (_what, type) => {
    expect(await seenIn([type, { provide: 'value', useValue: 5 }, { provide: 'null', useValue: null }])).toBe(false);
    expect(await seenIn([], [type])).toBe(false);
  });

  it('also behind a value, and whatever else is provided', async () => {
    const odd: Provider[] = [
      { provide: 'function', useFactory: () => Sender },
      { provide: 'bare', useValue: Object.create(null) },
      { provide: 'class', useValue: Sender },
    ];
    expect(await seenIn(odd)).toBe(false);
    expect(await seenIn([...odd, { provide: 'made', useValue: new Sender() }])).toBe(true);
  });
});
