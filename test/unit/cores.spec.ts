import { describe, expect, it } from '@jest/globals';
import { cores, quotaOf } from '../../src/worker/cores.js';

describe('the cores that a process may keep busy', () => {
  it.each<[string, number, Record<string, string>]>([
    ['no groups', Infinity, {}],
    ['no limit', Infinity, { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }],
    ['half a core', 0.5, { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' }],
    [
      'the least of the groups around it',
      1.5,
      {
        '/proc/self/cgroup': '0::/pods/one\n',
        '/sys/fs/cgroup/pods/one/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/pods/cpu.max': '150000 100000\n',
        '/sys/fs/cgroup/cpu.max': '400000 100000\n',
      },
    ],
    [
      'version 1',
      0.25,
      {
        '/proc/self/cgroup': '5:memory:/box\n4:cpu,cpuacct:/box\n',
        '/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us': '25000\n',
        '/sys/fs/cgroup/cpu/box/cpu.cfs_period_us': '100000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
    ],
    ['nonsense', Infinity, { '/proc/self/cgroup': 'what\n0::/\n', '/sys/fs/cgroup/cpu.max': 'x y z\n' }],
  ])('%s: %d', (_what, expected, files) => {
    expect(quotaOf((path) => files[path] ?? '')).toBe(expected);
  });

  it('are some on every machine', () => expect(cores()).toBeGreaterThan(0));
});
