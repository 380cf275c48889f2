/** Charts of the benches as SVG text: bars for one figure of several programs, lines for a figure over time or size. */
export interface BarChart {
  readonly kind: "bars";
  readonly title: string;
  /** Of the values. */
  readonly unit: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
  /** Where the values span powers of ten. */
  readonly logarithmic?: boolean;
}

export interface LineChart {
  readonly kind: "lines";
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly {
    readonly label: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

export type Chart = BarChart | LineChart;

const WIDTH = 760;
const LEFT = 190;
const RIGHT = 90;
const BAR_HEIGHT = 22;
const PLOT_HEIGHT = 260;
const COLORS = ["#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#475569"] as const;

export function renderChart(chart: Chart): string {
  return chart.kind === "bars" ? renderBars(chart) : renderLines(chart);
}

function renderBars({ title, unit, bars, logarithmic }: BarChart): string {
  const usable = bars.filter(({ value }) => Number.isFinite(value) && value > 0);
  const most = Math.max(1e-9, ...usable.map(({ value }) => value));
  const least = Math.min(most, ...usable.map(({ value }) => value));
  const share = (value: number) =>
    logarithmic === true && most > least
      ? 0.08 + 0.92 * Math.log(value / least) / Math.log(most / least)
      : value / most;
  const parts = usable.map(({ label, value }, index) => {
    const y = 44 + index * (BAR_HEIGHT + 8);
    const width = Math.max(1, share(value) * (WIDTH - LEFT - RIGHT));
    return text({ x: LEFT - 8, y: y + 16, anchor: "end" }, label) +
      `<rect x="${LEFT}" y="${y}" width="${round(width)}" height="${BAR_HEIGHT}" fill="${COLORS[0]}"/>` +
      text({ x: LEFT + width + 6, y: y + 16 }, tickText(value));
  });
  const scale = logarithmic === true ? `${unit}, logarithmic` : unit;
  return frame(52 + usable.length * (BAR_HEIGHT + 8), `${title} (${scale})`, parts);
}

function renderLines({ title, x, y, lines }: LineChart): string {
  const points = lines.flatMap((line) => line.points).filter((point) => point.every(Number.isFinite));
  const xs = spanOf(points.map(([at]) => at), false);
  const ys = spanOf(points.map(([, value]) => value), true);
  const left = 70;
  const top = 44;
  const placeX = (at: number) => round(left + (at - xs.from) / (xs.to - xs.from) * (WIDTH - left - 20));
  const placeY = (value: number) => round(top + PLOT_HEIGHT * (1 - (value - ys.from) / (ys.to - ys.from)));
  const parts: string[] = [];
  for (let i = 0; i <= 4; i++) {
    const value = ys.from + (ys.to - ys.from) * i / 4;
    const at = xs.from + (xs.to - xs.from) * i / 4;
    parts.push(`<path d="M${left} ${placeY(value)}H${WIDTH - 20}" stroke="#e2e8f0"/>`);
    parts.push(text({ x: left - 6, y: placeY(value) + 4, anchor: "end" }, tickText(value)));
    parts.push(text({ x: placeX(at), y: top + PLOT_HEIGHT + 18, anchor: "middle" }, tickText(at)));
  }
  lines.forEach((line, index) => {
    const color = COLORS[index % COLORS.length] as string;
    const path = line.points.filter((point) => point.every(Number.isFinite))
      .map(([at, value], i) => `${i === 0 ? "M" : "L"}${placeX(at)} ${placeY(value)}`).join("");
    parts.push(`<path d="${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    parts.push(
      text({ x: left + 8 + index * 170, y: top + PLOT_HEIGHT + 56, fill: color }, `— ${line.label}`),
    );
  });
  parts.push(text({ x: WIDTH / 2, y: top + PLOT_HEIGHT + 36, anchor: "middle" }, x));
  return frame(top + PLOT_HEIGHT + 72, `${title} (${y})`, parts);
}

/** With a little more than the values need; from 0 for what is an amount. */
function spanOf(
  values: readonly number[],
  fromZero: boolean,
): { readonly from: number; readonly to: number } {
  const from = fromZero ? Math.min(0, ...values) : Math.min(...values);
  const to = Math.max(...values);
  if (values.length === 0) return { from: 0, to: 1 };
  return to > from ? { from, to } : { from, to: from + 1 };
}

function frame(height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">` +
    `<rect width="100%" height="100%" fill="#fff"/>` +
    `<text x="16" y="26" font-size="16" font-weight="bold">${escapeXml(title)}</text>${
      parts.join("")
    }</svg>\n`;
}

interface TextPlace {
  readonly x: number;
  readonly y: number;
  readonly anchor?: "end" | "middle";
  readonly fill?: string;
}

function text({ x, y, anchor = undefined, fill = "#0f172a" }: TextPlace, content: string): string {
  const anchored = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `<text x="${round(x)}" y="${round(y)}"${anchored} fill="${fill}">${escapeXml(content)}</text>`;
}

function tickText(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}
