/**
 * Numbers that more than one side must agree on: scripts, the memory store, the rest of the package. In a script `RULES.name` stands
 * for the number: src/redis/scripts/complete.mjs reads this list and puts it in, so each line is a name and a whole number.
 */
export const RULES = {
  /** A longer envelope, in bytes, is long: from then on turns of its queue look at lengths before they take jobs. */
  longEnvelope: 16_384,
  /** Bytes of envelopes and records that one script looks up: Lua copies as many in some 2 ms. */
  mostLookedUp: 524_288,
  /** A longer first line of an envelope was made by no producer of this package: events leave it out. */
  longestHead: 8_192,
  /** Jobs that may be on their way to one worker by hand-over: what a worker that stands still holds up is bounded. */
  mostHanded: 8,
  /** Due jobs that one call makes ready. */
  mostPromoted: 500,
  /** Workers that may die while they run a job; then it is dead. With one fewer it is a suspect and runs alone. */
  maxCrashes: 3,
  /** A worker may let its jobs end to take a suspect for so many of its leases. */
  suspectClaimLeases: 4,
  /** The highest priority of a job; the lowest is 0. */
  highestPriority: 9,
  /** Log lines that are kept of a job. */
  logLines: 100,
  /** For so long the store remembers the last call of each caller, and what it answered. */
  callMemoryMs: 600_000,
  /** A schedule that no instance has announced for so long is paused; limits that nobody has declared for so long may be replaced. */
  silenceMs: 60_000,
  /** A tick that waits for the job before it is looked at again so much later. */
  heldTickMs: 1_000,
  /** Slots of the window of a rate: a start counts until its slot has left the window whole. */
  windowSlots: 100,
  /** For so long after a rate has opened the others believe that its gatekeeper looks again. */
  gateBelievedMs: 1_000,
  /** What the first run of a group is charged, in ms, where groups share time: it is corrected once the run has ended. */
  firstRunMs: 1_000,
  /** Runs of a group over which their mean time is taken. */
  runsOfMean: 8,
  /** Limits of code that newer ones have replaced, and that an older deployment cannot set back. */
  mostReplacedLimits: 8,
  /** Runs that a schedule remembers. */
  mostRuns: 10,
  /** Unsettled jobs that a schedule remembers for `overlap`: ticks leave one, and only runs by hand add to it. */
  mostOpenJobs: 10,
  /** Steps of the series of a history: minutes of 8 hours, ten minutes of three days, hours of 30 days. */
  minuteSlots: 480,
  tenMinuteSlots: 432,
  hourSlots: 720,
  /** Job names that the history of a queue has series of; further ones are `other`. */
  mostStatNames: 50,
  /** Releases that the history of a queue remembers. */
  mostDeploys: 20,
  /** A process that has not said for so long that it is there is gone: it says so every ten seconds. */
  presenceMs: 35_000,
  /** Processes that the registry holds; the ones that were silent longest make room. */
  mostProcesses: 1_000,
  /** The registry remembers a queue for so long after the last process that knew it. */
  queueMemoryMs: 2_592_000_000,
  /** Queues that the registry holds. */
  mostQueues: 1_000,
  /** Alerts of an app at which nobody has looked for so long are forgotten: a day. */
  alertMemoryMs: 86_400_000,
  /** Bulk operations of a queue that run at once, and that are remembered once they have ended. */
  mostBulks: 10,
  mostEndedBulks: 50,
} as const;
