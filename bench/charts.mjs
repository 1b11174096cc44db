// Bars as SVG, readable on a light and on a dark page.
import { formatNumber } from './statistics.mjs';

const WIDTH = 760;
const LABEL_WIDTH = 190;
const VALUE_WIDTH = 90;
const BAR = 16;
const GAP = 5;
const GROUP_GAP = 22;
const PALETTE = ['#2f6fdb', '#e08a1e', '#2a9d6f', '#b5508f', '#7a6ff0', '#c8553d', '#4aa3c7', '#8f9a3c', '#98a2ad'];

/**
 * Groups of horizontal bars; inside a group lengths compare.
 * @param groups [{ label, bars: [{ label, summary, own }] }]
 */
export function barChart({ title, note, groups }) {
  const parts = [];
  let y = 52;
  for (const { label, bars } of groups) {
    const longest = Math.max(...bars.map(({ summary }) => summary.median));
    parts.push(text(10, y + 4, label, 'group'));
    y += 16;
    for (const { label: name, summary, own } of bars) {
      const length = Math.max(1, (summary.median / longest) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH));
      parts.push(text(LABEL_WIDTH - 8, y + BAR - 4, name, own ? 'name own' : 'name'));
      parts.push(
        `<rect class="${own ? 'bar own' : 'bar'}" x="${LABEL_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`,
      );
      parts.push(text(LABEL_WIDTH + length + 6, y + BAR - 4, formatNumber(summary.median), 'value'));
      y += BAR + GAP;
    }
    y += GROUP_GAP;
  }
  return svg(title, note, y, parts);
}

/**
 * Bars made of parts, all on one scale.
 * @param bars [{ label, parts: Map name → value }]
 */
export function stackedChart({ title, note, unit, bars }) {
  const totals = new Map();
  for (const { parts: values } of bars)
    for (const [name, value] of values) totals.set(name, (totals.get(name) ?? 0) + value);
  const names = [...totals].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
  const shown = names.slice(0, PALETTE.length - 1);
  const colorOf = (name) => PALETTE[shown.includes(name) ? shown.indexOf(name) : PALETTE.length - 1];
  const sums = bars.map(({ parts: values }) => [...values.values()].reduce((sum, value) => sum + value, 0));
  const perUnit = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / Math.max(...sums);
  const parts = [];
  let y = 56;
  for (const [index, { label, parts: values }] of bars.entries()) {
    let x = LABEL_WIDTH;
    parts.push(text(LABEL_WIDTH - 8, y + 17, label, 'name'));
    for (const [name, value] of [...values].toSorted((a, b) => names.indexOf(a[0]) - names.indexOf(b[0]))) {
      const width = value * perUnit;
      const hint = `<title>${escape(name)}: ${formatNumber(value)} ${unit}</title>`;
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="24" fill="${colorOf(name)}">${hint}</rect>`,
      );
      x += width;
    }
    parts.push(text(x + 6, y + 17, `${formatNumber(sums[index])} ${unit}`, 'value'));
    y += 34;
  }
  y += 8;
  const legend = [...shown, ...(names.length > shown.length ? ['the rest'] : [])];
  for (const [index, name] of legend.entries()) {
    const x = 10 + (index % 3) * 250;
    parts.push(
      `<rect x="${x}" y="${y}" width="12" height="12" fill="${PALETTE[name === 'the rest' ? PALETTE.length - 1 : index]}"/>`,
    );
    parts.push(text(x + 18, y + 10, name, 'legend'));
    if (index % 3 === 2) y += 20;
  }
  return svg(title, note, y + 30, parts);
}

function svg(title, note, height, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.note { fill: #6e7781 }
.group { font-weight: 600 }
.name { text-anchor: end }
.name.own { font-weight: 600 }
.bar { fill: #98a2ad }
.bar.own { fill: #2f6fdb }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #8d96a0 } .bar { fill: #6e7681 } }
</style>
${text(10, 20, title, 'title')}
${text(10, 37, note, 'note')}
${parts.join('\n')}
</svg>
`;
}

function text(x, y, content, kind) {
  return `<text x="${Number(x).toFixed(1)}" y="${y}" class="${kind}">${escape(content)}</text>`;
}

function escape(content) {
  return String(content).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
