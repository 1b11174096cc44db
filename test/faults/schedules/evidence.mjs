// What the bars count.

/**
 * @param {number[]} values
 * @param {number} share 0.99 for the 99th percentile
 * @returns {number} rounded; NaN without values
 */
export function percentile(values, share) {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  return Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]);
}

/** The tick that a stored job stands for. */
export function tickOf({ head, payload, data }) {
  if (head === undefined) return { ...payload, tick: payload.scheduledFor, version: data?.version };
  const header = JSON.parse(head.slice(head.indexOf('{')));
  const { name, missed } = header.c;
  return { schedule: name, tick: header.s, missed, version: payload?.version };
}
