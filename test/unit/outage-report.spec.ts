import { beforeEach, describe, expect, it } from '@jest/globals';
import { Need, OutageReport } from '../../src/redis/wire/outage-report.js';

const refusal = (text: string) => Object.assign(new Error(text), { name: 'ReplyError' });

describe('OutageReport', () => {
  let lines: string[];
  let now: number;
  let report: OutageReport;

  beforeEach(() => {
    lines = [];
    now = 0;
    report = new OutageReport(
      (event, text) => lines.push(`${event} ${text}`),
      () => now,
    );
    report.opened();
  });

  it('ends an outage when the ill node has left the cluster, and reports the next one', () => {
    report.silent('10.0.0.1:6379', 'it did not answer in time');
    report.answered('10.0.0.2:6379', Need.Memory);
    expect(lines).toEqual(['lost 10.0.0.1:6379: it did not answer in time']);
    now = 3000;
    report.left((node) => node === '10.0.0.1:6379');
    expect(lines[1]).toBe('restored after 3.0 s');
    report.refused('10.0.0.2:6379', refusal('OOM command not allowed'), Need.Memory);
    expect(lines).toHaveLength(3);
    expect(report.isOpen).toBe(true);
  });

  it('lasts until each node that is ill has answered or left', () => {
    report.silent('a:1', 'mute');
    report.silent('b:1', 'mute');
    report.answered('a:1', Need.Write);
    expect(report.isOpen).toBe(true);
    report.left((node) => node === 'b:1');
    expect(report.isOpen).toBe(false);
    report.left((node) => node === 'c:1');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['lost', 'restored']);
  });

  it('ends for slots that nobody served when a node answers again', () => {
    report.refused('', refusal('CLUSTERDOWN The cluster is down'), Need.Write);
    report.answered('a:1', Need.Read);
    expect(report.isOpen).toBe(true);
    report.answered('a:1', Need.Write);
    expect(report.isOpen).toBe(false);
  });
});
