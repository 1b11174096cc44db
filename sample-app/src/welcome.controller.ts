import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Get, Req, Res } from '@nestjs/common';

/** @returns what to try, as lines for a terminal */
function invitation(url: string): string {
  return [
    'Try:',
    `  ${url}/queues                     the dashboard: queues, jobs, dead letters, schedules`,
    `  curl -X POST ${url}/reports -H 'content-type: application/json' -d '{"path":"node_modules/@nestjs"}'`,
    `    or -d '{"path":"src","tenant":"acme"}', and another tenant beside it: they take turns`,
    `  curl ${url}/reports/ID            progress and result`,
    `  curl -N ${url}/reports/ID/events  the same, live`,
    `  curl ${url}/dead                  jobs that wait for a human`,
    `  curl -X POST ${url}/dead/ID/retry     approves a publication; the noticeboard answers 429 at first, and the queue waits`,
    `  curl -X POST ${url}/digest        press it often: while one waits or runs, there is no second`,
    '',
  ].join('\n');
}

/** @returns the last words of the start, for a terminal */
export function announcement(url: string): string {
  return (
    `${invitation(url)}\nThe dashboard is at ${url}/queues\n` +
    `The app is at ${url}/, where a browser shows these lines. Ctrl+C stops it.\n`
  );
}

@Controller()
export class WelcomeController {
  @Get()
  welcome(@Req() { headers }: IncomingMessage, @Res({ passthrough: true }) response: ServerResponse): string {
    const lines = invitation(`http://${headers.host ?? '127.0.0.1:3000'}`);
    const isBrowser = headers.accept?.includes('text/html') ?? false;
    response.setHeader('content-type', `text/${isBrowser ? 'html' : 'plain'}; charset=utf-8`);
    response.setHeader('vary', 'accept');
    return isBrowser ? pageOf(lines) : lines;
  }
}

/** The same lines for a browser. `Host` is what a client says: nothing of it may become markup. */
function pageOf(lines: string): string {
  const text = lines.replaceAll(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`);
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Sample app of nestjs-task-queue</title>
  </head>
  <body>
    <h1>Sample app of nestjs-task-queue</h1>
    <p><a href="queues">Open the dashboard</a>, and send some work from a terminal:</p>
    <pre>${text}</pre>
    <ul>
      <li>Dead letters: publications of reports wait there for a human. Retry one.</li>
      <li>Schedules: a digest runs every minute. Run it now, or pause it.</li>
      <li>Pause the queue of files, send reports of two tenants, and resume it: their files take turns.</li>
      <li>Pause the queue of files, send a report, and ask a waiting job why it has not started.</li>
    </ul>
  </body>
</html>
`;
}
