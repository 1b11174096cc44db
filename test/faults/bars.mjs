// What is promised, each with the trial that measures exactly it, and how its figures are read. `ours` is asserted by the
// trial itself; here it is only written down.
const number = (figures, key, unit = '') => {
  const value = figures[key];
  return value === undefined || value === null ? undefined : `${value}${unit}`;
};
const seconds = (figures, key) =>
  Number.isFinite(figures[key]) ? `${(Math.max(0, figures[key]) / 1000).toFixed(1)} s` : undefined;
const of = (figures, key, count) => (figures[key] === undefined ? undefined : `${figures[key]} of ${count}`);

export const bars = [
  {
    what: 'Worker killed: its jobs start again while another worker lives; attempts burned',
    fault: 'F01',
    goal: 'within 10 s; 0',
    tell: (figures) => [seconds(figures, 'restartedMs'), number(figures, 'burned')],
  },
  {
    what: 'SIGTERM with 64 jobs in flight: the unfinished start elsewhere, after the exit',
    fault: 'F32',
    goal: 'within 2 s',
    tell: (figures) => [seconds(figures, 'restartedMs')],
  },
  {
    what: 'Event loop blocked for five leases: jobs that ran twice',
    fault: 'F04',
    goal: '0 of 3',
    tell: (figures) => [of(figures, 'ranTwice', 3)],
  },
  {
    what: 'Worker frozen by SIGSTOP: its signal tells lost runs; settlements of older runs accepted',
    fault: 'F03',
    goal: '12 of 12; 0',
    tell: (figures) => [of(figures, 'told', 12), number(figures, 'staleSettlements')],
  },
  {
    what: 'Redis frozen for two leases: running jobs that ran twice',
    fault: 'F07',
    goal: '0 of 20',
    tell: (figures) => [of(figures, 'ranTwice', 20)],
  },
  {
    what: 'Redis full: jobs taken by a busy worker, and by one that starts then',
    fault: 'F18',
    goal: '100 of 100; 100 of 100',
    tell: (figures) => [of(figures, 'takenBusy', 100), of(figures, 'takenLate', 100)],
  },
  {
    what: 'Redis full: running jobs that ran twice; that ended dead',
    fault: 'F18',
    goal: '0 of 5; 0',
    tell: (figures) => [of(figures, 'ranTwice', 5), number(figures, 'runningDead')],
  },
  {
    what: 'Every reply to an enqueue lost, 200 calls: jobs stored',
    fault: 'F09',
    goal: '200',
    tell: (figures) => [number(figures, 'storedJobs')],
  },
  {
    what: 'Replies to settlements lost, 30 jobs: completed; dead without having run',
    fault: 'F09',
    goal: '30; 0',
    tell: (figures) => [number(figures, 'settled'), number(figures, 'deadWithoutRun')],
  },
  {
    what: 'Half-open sockets: a waiting job is taken; calls of the producer unsettled after 15 s',
    fault: 'F08',
    goal: 'within 10 s; 0 of 5',
    tell: (figures) => [
      figures.takenMs === -1 ? 'not within 60 s' : seconds(figures, 'takenMs'),
      of(figures, 'openAfter', 5),
    ],
  },
  {
    what: 'Clock of the worker an hour ahead: delayed jobs early',
    fault: 'F22',
    goal: '0 of 100',
    tell: (figures) => [
      number(figures, 'aheadEarly'),
      figures.earliestMs > 5 && `by ${seconds(figures, 'earliestMs')}`,
    ],
  },
  {
    what: 'Clock of the worker an hour behind: delayed jobs late or never',
    fault: 'F22',
    goal: '0 of 100',
    tell: (figures) => [number(figures, 'behindLate')],
  },
  {
    what: 'CLIENT KILL every 200 ms for 15 s: jobs stored twice; extra runs',
    fault: 'F10',
    goal: '0; at most 0.1 %',
    tell: (figures) => [
      number(figures, 'duplicates'),
      `${((figures.extraRuns / figures.calls) * 100).toFixed(2)} % of ${figures.calls}`,
    ],
  },
  {
    what: '3 killers among 500 good jobs: good completed; crashes per killer',
    fault: 'F27',
    goal: '500; at most 3',
    tell: (figures) => [number(figures, 'good'), number(figures, 'crashesPerPill')],
  },
  {
    what: 'Kills, freezes, killed connections and lost replies for 45 s: lost; stored twice; both of them completed',
    fault: 'F40',
    goal: '0; 0; 0',
    tell: ({ lost, duplicates, completedTwice }) => [`${lost}; ${duplicates}; ${completedTwice}`],
  },
  {
    what: 'Five instances of an every-second cron, killed and frozen, and Redis frozen for 3 s: ticks twice; seconds skipped and not told',
    fault: 'F25',
    goal: '0; 0',
    tell: (figures) => [number(figures, 'tickedTwice'), of(figures, 'uncovered', figures.seconds)],
  },
  {
    what: 'Redis killed and restarted five times: lost; stored twice; extra runs',
    fault: 'F05',
    goal: '0; 0; 0',
    tell: ({ lost, duplicates, extraRuns }) => [`${lost}; ${duplicates}; ${extraRuns}`],
  },
  {
    what: 'SCRIPT FLUSH every 50 ms: single calls that failed; bulk calls that failed; speed kept',
    fault: 'F12',
    goal: '0; 0 of 50; at least 70 %',
    tell: (figures) => [
      number(figures, 'refused'),
      of(figures, 'refusedBulks', figures.bulks),
      number(figures, 'throughput'),
    ],
  },
  {
    // It has neither WAIT nor WAITAOF: an enqueue is acknowledged once the primary has it.
    without: 'no such level',
    what: 'Link to the replica cut, then promotion: jobs lost of those acknowledged at `replicas: 1`; of those at the default',
    fault: 'F15',
    goal: '0; all may be',
    tell: (figures) => [
      `${figures.lostConfirmed} of ${figures.confirmed}`,
      of(figures, 'lostPrimaryOnly', figures.primaryOnly),
    ],
  },
  {
    what: 'Purge, retry-all and listings of a million jobs each: longest pause of Redis seen by a PING',
    fault: 'F21',
    goal: 'at most 25 ms',
    tell: (figures) => [number(figures, 'pingMax', ' ms')],
  },
];

/** Every trial counts for it, except what says that Redis itself loses (F06, F14 at the default durability). */
export const lossBar = {
  what: 'Jobs lost after an acknowledged enqueue, in all faults but a loss inside Redis',
  goal: '0',
  tell(trials) {
    const sum = (key) => trials.reduce((total, { figures }) => total + (figures?.[key] ?? 0), 0);
    const unfinished = sum('unfinished');
    const rest = unfinished > 0 ? `; there, but not ended when the trial gave up: ${unfinished}` : '';
    return `${sum('lost')} of ${sum('stored').toLocaleString('en-US')}${rest}`;
  },
};
