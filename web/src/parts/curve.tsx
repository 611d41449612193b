/** Lines over steps or tokens, as SVG: few enough to need no library. */
import { useId } from 'preact/hooks';

export interface Line {
  readonly name: string;
  readonly className: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Label at the line's end. */
  readonly endLabel?: string;
}

export interface CurveProps {
  readonly lines: readonly Line[];
  readonly xMax: number;
  /** [min, max] */
  readonly yRange: readonly [number, number];
  readonly yLabel: string;
  readonly xLabel: string;
  /** The same in words. */
  readonly summary: string;
  readonly formatY?: (value: number) => string;
}

const [left, bottom, top, right] = [62, 30, 12, 78];

export function Curve({ lines, xMax, yRange, yLabel, xLabel, summary, formatY = String }: CurveProps) {
  const title = useId();
  // Letters keep the size of those around the figure.
  const [width, height] = matchMedia('(max-width: 36rem)').matches ? [370, 230] : [672, 290];
  const [low, high] = yRange;
  const x = (value: number) => left + ((width - left - right) * value) / Math.max(1, xMax);
  const y = (value: number) =>
    height - bottom - ((height - bottom - top) * (value - low)) / (high - low || 1);
  return (
    <figure class="curve">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-labelledby={title}>
        <title id={title}>{summary}</title>
        {ticks(low, high, 4).map((value) => (
          <g key={value}>
            <line class="grid" x1={left} x2={width - right} y1={y(value)} y2={y(value)} />
            <text x={left - 8} y={y(value)} dy="0.32em" text-anchor="end">
              {formatY(value)}
            </text>
          </g>
        ))}
        {ticks(0, xMax, 5).map((value) => (
          <text key={value} x={x(value)} y={height - bottom + 20} text-anchor="middle">
            {value}
          </text>
        ))}
        <text x={width} y={height - bottom + 20} text-anchor="end">
          {xLabel}
        </text>
        {lines.map(({ name, className, points, endLabel }) => {
          const last = points.at(-1);
          return (
            <g key={name} class={className}>
              <polyline
                points={points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ')}
              />
              {last && endLabel && (
                <text x={x(last[0]) + 6} y={y(last[1])} dy="0.32em">
                  {endLabel}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <figcaption>
        {yLabel}:{' '}
        {lines.map(({ name, className }) => (
          <span key={name} class={`key ${className}`}>
            {name}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

/** About `count` round numbers from `low` to `high`. */
function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}
