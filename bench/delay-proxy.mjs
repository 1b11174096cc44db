// A process between the systems and Redis that adds a round trip: requests pass at once, replies wait. Each chunk waits
// by itself, so throughput is untouched. Timers of Node are no finer than a millisecond; the run records what a PING
// really takes, with and without this in the way.
import { createServer, connect } from 'node:net';

const { port, delayMs } = JSON.parse(process.argv[2]);

const server = createServer({ noDelay: true }, (client) => {
  const redis = connect({ port, host: '127.0.0.1', noDelay: true });
  const end = () => {
    client.destroy();
    redis.destroy();
  };
  client.pipe(redis);
  redis.on('data', (chunk) => setTimeout(() => client.writable && client.write(chunk), delayMs));
  redis.on('error', end).on('close', end);
  client.on('error', end).on('close', end);
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
