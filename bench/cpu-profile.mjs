// Sums the self time of a V8 CPU profile by where the code lives.

const PLACES = [
  [
    /^$/,
    (name) =>
      name === '(garbage collector)' ? 'garbage collection' : name === '(idle)' ? 'idle' : 'V8 and native code',
  ],
  [/bench\/worker-host/, () => 'the handler'],
  [/dist\/([a-z]+)\/([a-z.-]+)\.js$/, (_name, match) => `${match[1]}/${match[2]}`],
  [/node_modules\/@ioredis|node_modules\/(ioredis|redis-parser|standard-as-callback|denque)\//, () => 'ioredis'],
  [/node_modules\/((?:@[^/]+\/)?[^/]+)\//, (_name, match) => match[1]],
  [/^node:/, () => 'Node: sockets, streams, timers'],
];

/** @returns {Record<string, number>} seconds by place */
export function sumByFolder({ nodes, samples, timeDeltas }) {
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, placeOfFrame(callFrame)]));
  const seconds = {};
  for (const [index, id] of samples.entries()) {
    const place = placeOf.get(id);
    seconds[place] = (seconds[place] ?? 0) + timeDeltas[index] / 1e6;
  }
  return seconds;
}

function placeOfFrame({ url, functionName }) {
  for (const [pattern, name] of PLACES) {
    const match = pattern.exec(url);
    if (match) return name(functionName, match);
  }
  return 'other';
}
