import { NotFoundException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import type { Exchange } from '../../src/dashboard/exchange.js';
import { UiServer } from '../../src/dashboard/ui-server.js';

interface Sent {
  status: number;
  headers: Record<string, string>;
  text: string;
}

function send(path: string, headers: Record<string, string> = {}, rest = ''): { exchange: Exchange; sent: Sent[] } {
  const sent: Sent[] = [];
  const exchange = {
    path,
    rest,
    header: (name: string) => headers[name],
    answer: (status: number, given: Record<string, string>, text: string) =>
      void sent.push({ status, headers: given, text }),
  };
  return { exchange: exchange as unknown as Exchange, sent };
}

const FILES = { html: '<html><head></head></html>', assets: { 'index-a1.js': 'go()', 'style-b2.css': 'a{}' } };

describe('UiServer', () => {
  const ui = new UiServer(FILES);

  it.each([
    ['/queues', './queues/'],
    ['/queues/', './'],
    ['/prefix/admin/queues', './queues/'],
    ['/', './'],
    ['/a"><script>', './a&#34;&#62;&#60;script&#62;/'],
  ])('has addresses of %s count from %s', (path, base) => {
    const { exchange, sent } = send(path);
    ui.page(exchange);
    expect(sent[0]).toMatchObject({ status: 200, text: `<html><head><base href="${base}"></head></html>` });
    expect(sent[0].headers['content-security-policy']).toContain("script-src 'self'");
    expect(sent[0].headers['content-security-policy']).not.toContain('unsafe');
  });

  it('sends a page and an asset once to those who keep them', () => {
    for (const show of [(e: Exchange) => ui.page(e), (e: Exchange) => ui.asset(e)]) {
      const first = send('/queues/assets/index-a1.js');
      show(first.exchange);
      const { etag } = first.sent[0].headers;
      const second = send('/queues/assets/index-a1.js', { 'if-none-match': `"other", W/${etag}` });
      show(second.exchange);
      expect(second.sent[0]).toMatchObject({ status: 304, text: '' });
    }
  });

  it('lets assets be kept for ever, and by nobody between', () => {
    const { exchange, sent } = send('/queues/assets/style-b2.css');
    ui.asset(exchange);
    expect(sent[0]).toMatchObject({
      text: 'a{}',
      headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'private, max-age=31536000, immutable' },
    });
  });

  it.each(['constructor', '__proto__', '', 'index-a1.js.map', '..%2findex.html'])('has no asset "%s"', (name) => {
    expect(() => ui.asset(send(`/queues/assets/${name}`).exchange)).toThrow(NotFoundException);
  });

  it('names the build where nothing was built', () => {
    const { exchange, sent } = send('/queues');
    new UiServer(null).page(exchange);
    expect(sent[0].status).toBe(500);
    expect(sent[0].text).toContain('npm run build');
  });
});
