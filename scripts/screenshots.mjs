// `npm run dashboard:screenshots`: makes docs/images/dashboard-*.png from an app with work in it (test/dashboard/demo.mjs).
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChromium } from '../test/dashboard/chromium.mjs';
import { fillDemo, startDemo } from '../test/dashboard/demo.mjs';

const FOLDER = fileURLToPath(new URL('../docs/images/', import.meta.url));
const MOST_BYTES = 150_000;

const { app, url, queues } = await startDemo();
const browser = await launchChromium();
try {
  mkdirSync(FOLDER, { recursive: true });
  await fillDemo(queues, 20);
  const { jobs } = await queues.jobs('mail', { state: 'dead', limit: 20 });
  const failed = jobs.find(({ errors }) => errors.length > 1) ?? jobs[0];
  const pictures = [
    ['overview', '', 'light', 620],
    ['queue', '?queue=mail&state=dead', 'dark', 620],
    ['dead-letters', '?queue=mail&tab=dead', 'light', 560],
    ['job', `?queue=mail&job=${failed.number}`, 'light', 760],
  ];
  for (const [name, query, colorScheme, height] of pictures) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1360, height } });
    const page = await context.newPage();
    await page.goto(url + query);
    await page.locator('h1').waitFor();
    await page.locator('.waiting').waitFor({ state: 'detached' });
    await page.waitForLoadState('networkidle', { timeout: 1500 }).catch(() => undefined); // the live stream never ends
    const path = join(FOLDER, `dashboard-${name}.png`);
    await page.screenshot({ path });
    const { size } = statSync(path);
    console.log(`${path} ${Math.round(size / 1000)} kB`);
    if (size > MOST_BYTES) throw new Error(`${path} is larger than ${MOST_BYTES / 1000} kB.`);
    await context.close();
  }
} finally {
  await browser.close();
  await app.close();
}
