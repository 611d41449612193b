/** Numbers as a field of colours: one pixel a number, enlarged without smoothing. */
import { useEffect, useRef } from 'preact/hooks';

export interface FieldProps {
  /** Row by row. */
  readonly values: ArrayLike<number>;
  readonly rows: number;
  readonly columns: number;
  /** `signed`: −1 to 1, blue over paper to red. `share`: 0 to 1, paper to ink. */
  readonly scale: 'signed' | 'share';
  readonly label: string;
  /** Height of a row in CSS pixels; default: the pixels are square. */
  readonly rowHeight?: number;
}

type Color = readonly [number, number, number];

const palettes: { readonly [scheme: string]: Record<'paper' | 'ink' | 'plus' | 'minus', Color> } = {
  light: { paper: [243, 239, 230], ink: [40, 37, 33], plus: [193, 68, 28], minus: [30, 98, 160] },
  dark: { paper: [38, 36, 32], ink: [236, 230, 218], plus: [240, 136, 92], minus: [108, 172, 232] },
};

export function Field({ values, rows, columns, scale, label, rowHeight }: FieldProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current!.getContext('2d')!;
    const image = context.createImageData(columns, rows);
    const { paper, ink, plus, minus } = palettes[darkMode() ? 'dark' : 'light']!;
    for (let at = 0; at < rows * columns; at++) {
      const value = values[at] ?? 0;
      const toward = scale === 'share' ? ink : value < 0 ? minus : plus;
      const amount = Math.min(1, Math.abs(value));
      for (let c = 0; c < 3; c++) image.data[4 * at + c] = paper[c]! + (toward[c]! - paper[c]!) * amount;
      image.data[4 * at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [values, rows, columns, scale]);
  return (
    <canvas
      ref={canvas}
      class="field"
      role="img"
      aria-label={label}
      width={columns}
      height={rows}
      style={rowHeight ? { height: `${rows * rowHeight}px` } : { aspectRatio: `${columns} / ${rows}` }}
    />
  );
}

function darkMode(): boolean {
  return matchMedia('(prefers-color-scheme: dark)').matches;
}
