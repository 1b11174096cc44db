// Ends the process as kill -9 would, at one point of its life: CRASH_POINT, the CRASH_AT-th time it comes there.
import { Redis } from 'ioredis';

const { CRASH_POINT: point, CRASH_AT: at, SETTLE_SHA: sha } = process.env;
let passed = 0;
const crash = () => process.kill(process.pid, 'SIGKILL');
const isTheOne = () => ++passed === Number(at);
const send = Redis.prototype.sendCommand;

Redis.prototype.sendCommand = function (command, ...rest) {
  if (!/^evalsha$/i.test(command.name) || command.args[0] !== sha) return send.call(this, command, ...rest);
  const keys = Number(command.args[1]);
  const settles = command.args.length > 2 + keys + 7;
  if (point === 'before-settle' && settles && isTheOne()) crash();
  const reply = send.call(this, command, ...rest);
  if (point === 'settle-sent' && settles && isTheOne()) setImmediate(crash);
  reply.then(
    (answer) => {
      const reserved = answer[6].length > 0;
      if (point === 'settled' && settles && isTheOne()) crash();
      if (point === 'reserved' && reserved && isTheOne()) crash();
      if (point === 'mid-handler' && reserved && isTheOne()) setTimeout(crash, 10);
    },
    () => {},
  );
  return reply;
};
