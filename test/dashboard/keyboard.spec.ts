import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { closeApps } from '../support/apps.js';
import { launchChromium } from './chromium.mjs';
import { startShop, type SeededShop } from './shop.js';
import { visitorOf, type Visitor } from './visitor.js';

let browser: Browser;
let shop: SeededShop;
let visitor: Visitor;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
});
beforeEach(async () => {
  shop = await startShop('express');
  visitor = await visitorOf(browser, shop);
});
afterEach(async () => {
  await visitor.context.close();
  await closeApps();
});

/** Goes on with Tab until something of this name has the focus, as somebody without a mouse does. */
async function tabTo(name: RegExp): Promise<void> {
  for (let press = 0; press < 80; press++) {
    await visitor.page.keyboard.press('Tab');
    const focused = (await visitor.page.evaluate(`(() => {
      const element = document.activeElement;
      return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
    })()`)) as string;
    if (name.test(focused.trim())) return;
  }
  throw new Error(`Tab does not reach ${name}`);
}

const keys = async (...presses: string[]): Promise<void> => {
  for (const press of presses) await visitor.page.keyboard.press(press);
};
const toast = (text: RegExp) => visitor.page.locator('.toast', { hasText: text }).waitFor();

describe('with the keyboard alone', () => {
  it('a visitor skips to the content, and asks which keys there are', async () => {
    await visitor.visit('');
    await keys('Tab', 'Enter');
    expect(await visitor.page.evaluate('document.activeElement.id')).toBe('main');
    await keys('?');
    await visitor.page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await keys('Escape');
    await visitor.page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('a visitor opens a queue, pauses it and resumes it', async () => {
    await visitor.visit('');
    await tabTo(/^mail$/);
    await keys('Enter');
    await visitor.page.getByRole('heading', { level: 1, name: 'mail' }).waitFor();
    await tabTo(/^Pause$/);
    await keys('Enter');
    await visitor.page.getByRole('dialog').waitFor();
    await tabTo(/^Pause$/);
    await keys('Enter');
    await toast(/mail is paused/);
    expect(await shop.queues.isPaused('mail')).toBe(true);
    await visitor.page.getByRole('button', { name: 'Resume' }).waitFor();
    await visitor.page.locator('h1').focus();
    await tabTo(/^Resume$/);
    await keys('Enter');
    await toast(/mail goes on/);
    expect(await shop.queues.isPaused('mail')).toBe(false);
  });

  it('a visitor retries selected dead jobs', async () => {
    await visitor.visit('?queue=mail&state=dead');
    await keys('j', 'x', 'j', 'x');
    await visitor.page.getByText('2 selected').waitFor();
    await visitor.page.locator('h1').focus();
    await tabTo(/^Retry 2$/);
    await keys('Enter');
    await visitor.page.getByRole('dialog').waitFor();
    await tabTo(/^Retry$/);
    await keys('Enter');
    await toast(/2 jobs will run again/);
  });

  it('a visitor retries all that a filter finds, once they are counted, and looks what became of it', async () => {
    await visitor.visit('?queue=mail&state=dead&where=error:"ECONNREFUSED"');
    await visitor.page.getByText('2 found').waitFor();
    await tabTo(/^Select all matches$/);
    await keys('Enter');
    await tabTo(/^Retry all…$/);
    await keys('Enter');
    await visitor.page.getByText('2 jobs would be taken now').waitFor();
    await tabTo(/^Jobs a second/);
    await visitor.page.keyboard.type('50');
    await tabTo(/^Retry: 2 jobs$/);
    await keys('Enter');
    await toast(/Retry: begun in mail/);
    const [bulk] = await shop.queues.bulks('mail');
    expect(bulk).toMatchObject({ where: 'state:dead error:"ECONNREFUSED"', action: 'retry', rate: 50 });
    await visitor.page.locator('h1').focus();
    await keys('g', 'b');
    await visitor.page.getByRole('heading', { level: 1, name: 'Bulk operations' }).waitFor();
    await visitor.page.getByRole('row', { name: /ECONNREFUSED.* Done 2 /s }).waitFor();
  });

  it('a visitor pauses a group and resumes it; the rest of its rule stays', async () => {
    const ruleOf = async (wanted: string) =>
      (await shop.queues.groups('exports')).groups.find(({ key }) => key === wanted)?.rule;
    const before = await ruleOf('acme');
    await visitor.visit('?queue=exports&tab=limits');
    await tabTo(/^Pause group acme$/);
    await keys('Enter');
    await visitor.page.getByRole('dialog').waitFor();
    await tabTo(/^Pause$/);
    await keys('Enter');
    await toast(/Group acme is paused/);
    expect(await ruleOf('acme')).toEqual({ ...before, paused: true });
    await visitor.page.getByRole('button', { name: 'Resume group acme' }).waitFor();
    await visitor.page.locator('h1').focus();
    await tabTo(/^Resume group acme$/);
    await keys('Enter');
    await toast(/Group acme goes on/);
    expect(await ruleOf('acme')).toEqual(before);
    await visitor.page.locator('h1').focus();
    await tabTo(/^Resume group tiny/);
    await keys('Enter');
    await toast(/Group tiny\|co goes on/);
    expect(await ruleOf('tiny|co')).toBeUndefined();
  });

  it('a visitor changes a limit of the queue, and those of its groups stay', async () => {
    await visitor.visit('?queue=exports&tab=limits');
    await tabTo(/^At once, over all processes/);
    await keys('ControlOrMeta+a');
    await visitor.page.keyboard.type('7');
    await tabTo(/^Set limits$/);
    await keys('Enter');
    await toast(/Limits of exports hold/);
    const limits = await shop.queues.limits('exports');
    expect(limits).toEqual({ concurrency: 7, groups: { concurrency: 1, share: 'time' } });
  });

  it('a visitor cancels an operation that runs', async () => {
    await visitor.visit('?view=bulks&queue=exports');
    await tabTo(/^Cancel: Cancel in exports$/);
    await keys('Enter');
    await visitor.page.getByRole('dialog').waitFor();
    await tabTo(/^Cancel the operation$/);
    await keys('Enter');
    await toast(/The operation is cancelled/);
    expect(await shop.queues.bulks('exports')).toMatchObject([{ state: 'cancelled' }]);
  });

  it('a visitor retries a dead job with another payload', async () => {
    const [number = ''] = shop.dead;
    await visitor.visit(`?queue=mail&job=${number}`);
    await tabTo(/^Edit and retry$/);
    await keys('Enter');
    await tabTo(/^Payload/);
    await keys('ControlOrMeta+a');
    await visitor.page.keyboard.insertText('{"to":"ada","user":{"id":42}}');
    await visitor.page.getByText('2 changes').waitFor();
    await tabTo(/^Retry$/);
    await keys('Enter');
    await toast(/will run again/);
    const job = await shop.queues.getJob('mail', number);
    expect(await job?.result()).toEqual({ sent: 'ada' });
    expect(job?.payload).toEqual({ to: 'ada', user: { id: 42 } });
  });

  it('a visitor runs a schedule now', async () => {
    await visitor.visit('');
    await keys('g', 's');
    await visitor.page.getByRole('link', { name: 'nightly' }).waitFor();
    await tabTo(/^Run now: nightly$/);
    await keys('Enter');
    await visitor.page.getByRole('dialog').waitFor();
    await tabTo(/^Run now$/);
    await keys('Enter');
    await toast(/nightly runs/);
    expect((await shop.queues.counts('reports')).ready).toBe(1);
  });

  it('a visitor purges a state, once the name of the queue is typed', async () => {
    await visitor.visit('?queue=mail&state=completed');
    await tabTo(/^Purge…$/);
    await keys('Enter');
    await tabTo(/^To confirm/);
    await visitor.page.keyboard.type('mai');
    expect(await visitor.page.getByRole('button', { name: /^Delete/ }).isDisabled()).toBe(true);
    await visitor.page.keyboard.type('l');
    await tabTo(/^Delete/);
    await keys('Enter');
    await toast(/1 job deleted/);
    expect((await shop.queues.counts('mail')).completed).toBe(0);
  });
});
