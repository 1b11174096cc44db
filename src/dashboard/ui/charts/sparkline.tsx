const HEIGHT = 26;
const WIDTH = 120;

/** A rate over time, and in red what failed of it. */
export function Sparkline({
  values,
  bad,
  label,
}: {
  values: readonly number[];
  bad?: readonly number[];
  label: string;
}) {
  const most = Math.max(1, ...values, ...(bad ?? []));
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="spark-area" d={`${lineOf(values, most)}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
      <path class="spark-line" d={lineOf(values, most)} />
      {bad?.some((value) => value > 0) && <path class="spark-bad" d={lineOf(bad, most)} />}
    </svg>
  );
}

function lineOf(values: readonly number[], most: number): string {
  if (values.length === 0) return `M0 ${HEIGHT - 1}L${WIDTH} ${HEIGHT - 1}`;
  const step = WIDTH / Math.max(1, values.length - 1);
  const y = (value: number): string => (HEIGHT - 1 - (value / most) * (HEIGHT - 3)).toFixed(1);
  if (values.length === 1) return `M0 ${y(values[0])}L${WIDTH} ${y(values[0])}`;
  return values.map((value, index) => `${index === 0 ? 'M' : 'L'}${(index * step).toFixed(1)} ${y(value)}`).join('');
}
