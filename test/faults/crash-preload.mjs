// Ends the process as kill -9 would, at one point of its life: CRASH_POINT, the CRASH_AT-th time it comes there.
import { Redis } from 'ioredis';

const { CRASH_POINT: point, CRASH_AT: at, SETTLE_SHAS: shas = '' } = process.env;
let passed = 0;
const crash = () => process.kill(process.pid, 'SIGKILL');
const isTheOne = () => ++passed === Number(at);
const send = Redis.prototype.sendCommand;

Redis.prototype.sendCommand = function (command, ...rest) {
  if (!/^evalsha$/i.test(command.name) || !shas.split(' ').includes(command.args[0]))
    return send.call(this, command, ...rest);
  // Told by what it carries, not by where: how a turn is laid out changes.
  const settles = command.args.some((argument) => argument === 'C' || argument === 'K');
  if (point === 'before-settle' && settles && isTheOne()) crash();
  const reply = send.call(this, command, ...rest);
  if (point === 'settle-sent' && settles && isTheOne()) setImmediate(crash);
  reply.then(
    (answer) => {
      // A plain turn that asks for the whole one answers with a word.
      const reserved = [answer].flat().some((part) => String(part).includes('"n":'));
      if (point === 'settled' && settles && isTheOne()) crash();
      if (point === 'reserved' && reserved && isTheOne()) crash();
      if (point === 'mid-handler' && reserved && isTheOne()) setTimeout(crash, 10);
    },
    () => {},
  );
  return reply;
};
