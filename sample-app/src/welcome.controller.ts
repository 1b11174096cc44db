import { Controller, Get, Header, Req } from '@nestjs/common';

/** @returns what to try, as lines for a terminal or a browser */
function invitation(url: string): string {
  return [
    'Try:',
    `  curl -X POST ${url}/reports -H 'content-type: application/json' -d '{"path":"node_modules/@nestjs"}'`,
    `  curl ${url}/reports/ID            progress and result`,
    `  curl -N ${url}/reports/ID/events  the same, live`,
    `  curl ${url}/dead                  jobs that wait for a human`,
    `  curl -X POST ${url}/dead/ID/retry`,
    '',
  ].join('\n');
}

/** @returns the last words of the start, for a terminal */
export function announcement(url: string): string {
  return `${invitation(url)}\nThe app is at ${url}/, where a browser shows these lines. Ctrl+C stops it.\n`;
}

@Controller()
export class WelcomeController {
  @Get()
  @Header('content-type', 'text/plain; charset=utf-8')
  welcome(@Req() { headers }: { headers: { host?: string } }): string {
    return invitation(`http://${headers.host ?? '127.0.0.1:3000'}`);
  }
}
