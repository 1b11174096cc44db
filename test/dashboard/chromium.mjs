// A Chromium that Debian or the user installed; playwright-core brings none.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'google-chrome', 'chromium-browser'];

/** @returns {string} its path @throws where there is none: scripts/ensure-chromium.sh installs it */
function chromiumPath() {
  const given = process.env.CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = [given ?? NAMES]
    .flat()
    .flatMap((name) => (name.includes('/') ? [name] : folders.map((folder) => join(folder, name))));
  const found = paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error('No Chromium: run scripts/ensure-chromium.sh, or set CHROMIUM to one.');
  return found;
}

export function launchChromium() {
  // In a container there is no user namespace for its sandbox; it loads pages of these tests alone.
  return chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
