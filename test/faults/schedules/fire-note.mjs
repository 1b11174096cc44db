// Preloaded into a worker process: notes each tick that it fires, so that a trial knows whom to kill.
import { openHistory } from '../history.mjs';

const site = JSON.parse(process.argv[2]);
const note = openHistory(site.history);
const { RedisTimetable } = await import(`${site.dist}/redis/timetable.js`);
const { fire } = RedisTimetable.prototype;
RedisTimetable.prototype.fire = async function (queue, fires) {
  const answers = await fire.call(this, queue, fires);
  if (answers.includes('fired')) note('fired');
  return answers;
};
