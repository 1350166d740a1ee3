// Plots as SVG, written out by hand: lines over two axes, readable on white and on black.

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly logarithmic: boolean;
  readonly lines: readonly Line[];
}

const [WIDTH, HEIGHT] = [720, 400];
const FRAME = { left: 74, right: 230, top: 44, bottom: 52 };
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f'];

interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

export function svgOf({ title, x, y, logarithmic, lines }: Plot): string {
  const points = lines.flatMap((line) => line.points);
  const right = WIDTH - FRAME.right;
  const bottom = HEIGHT - FRAME.bottom;
  const across = axis(
    points.map(([value]) => value),
    FRAME.left,
    right,
    logarithmic,
  );
  const up = axis(
    points.map(([, value]) => value),
    bottom,
    FRAME.top,
    logarithmic,
  );
  const parts = [
    `<text x="${FRAME.left}" y="24" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    ...across.ticks.map((tick) => {
      const at = across.at(tick).toFixed(1);
      return `<path d="M${at} ${bottom}V${FRAME.top}" stroke="#8884"/><text x="${at}" y="${bottom + 18}" text-anchor="middle">${label(tick)}</text>`;
    }),
    ...up.ticks.map((tick) => {
      const at = up.at(tick).toFixed(1);
      return `<path d="M${FRAME.left} ${at}H${right}" stroke="#8884"/><text x="${FRAME.left - 8}" y="${at}" dy="4" text-anchor="end">${label(tick)}</text>`;
    }),
    `<text x="${(FRAME.left + right) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(18 ${(FRAME.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    ...lines.map((line, index) => drawn(line, index, across, up)),
    ...labels(lines, up, right),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#808080">
${parts.join('\n')}
</svg>
`;
}

function drawn({ points }: Line, index: number, across: Axis, up: Axis): string {
  const colour = COLOURS[index % COLOURS.length] ?? '#000';
  const at = points.map(([px, py]) => [across.at(px).toFixed(1), up.at(py).toFixed(1)] as const);
  const path = `<path d="M${at.map((each) => each.join(' ')).join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`;
  return [path, ...at.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`)].join('');
}

/** Names at the ends of the lines, pushed apart where they would lie over each other. */
function labels(lines: readonly Line[], up: Axis, right: number): string[] {
  const wanted = lines.map(({ name, points }, index) => ({ name, index, at: up.at(points.at(-1)?.[1] ?? 0) }));
  let last = -Infinity;
  return wanted
    .sort((a, b) => a.at - b.at)
    .map(({ name, index, at }) => {
      last = Math.max(at, last + 15);
      const colour = COLOURS[index % COLOURS.length] ?? '#000';
      return `<text x="${right + 10}" y="${(last + 4).toFixed(1)}" fill="${colour}">${escaped(name)}</text>`;
    });
}

function axis(values: readonly number[], from: number, to: number, logarithmic: boolean): Axis {
  if (logarithmic) {
    const [low, high] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
    const ticks = Array.from({ length: high - low + 1 }, (_, power) => 10 ** (low + power));
    return { at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from), ticks };
  }
  const max = Math.max(...values) * 1.1;
  const step = [1, 2, 2.5, 5, 10]
    .map((each) => each * 10 ** Math.floor(Math.log10(max / 4)))
    .find((each) => max / each <= 6);
  const ticks = Array.from({ length: Math.floor(max / (step ?? max)) + 1 }, (_, n) => n * (step ?? max));
  return { at: (value) => from + (value / max) * (to - from), ticks };
}

const label = (value: number): string =>
  Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 3 });

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
