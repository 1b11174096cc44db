// One of the processes that fire a crowd of schedules: it remembers in memory what ran and how late, until it is asked.
const site = JSON.parse(process.argv[2]);
const { openWorker } = await import(`./crowd-of-${site.system}.mjs`);
const ran = [];
const late = [];
let cpuAtStart;

await openWorker(site, (name, tick) => {
  cpuAtStart ??= process.cpuUsage();
  const minute = Math.floor((tick - site.startAt) / 60_000);
  if (minute < 0 || minute >= site.minutes) return;
  late.push(Math.round(Date.now() - tick));
  ran.push(Number(name.slice('tenant-'.length)) * site.minutes + minute);
});

process.on('message', () => {
  const { user, system } = process.cpuUsage(cpuAtStart);
  process.send({ ran, late, cpuMs: (user + system) / 1000 });
});
process.send('ready');
