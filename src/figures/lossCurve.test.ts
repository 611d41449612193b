import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import type { LogLine } from '../train/log.ts';
import { apart } from './labels.ts';
import { lossCurve } from './lossCurve.ts';

const step = (n: number, loss: number): LogLine => ({
  ...{ event: 'step', step: n, loss, learningRate: 1e-3 },
  ...{ gradientNorm: 1, tokensPerSecond: 1, tokens: n, time: n },
});
const fall = (steps: number) => Array.from({ length: steps }, (_, k) => step(k + 1, 3 + 4 / (k + 1)));

describe('the loss curve', () => {
  const validation: LogLine[] = [0, 100].map((n) => ({
    ...{ event: 'validation', step: n, loss: n ? 3.125 : 7, bitsPerByte: 2 },
  }));
  const svg = lossCurve([...validation.slice(0, 1), ...fall(100), ...validation.slice(1)], 'Loss of <a & b>');

  it('is SVG on a white ground with a title, axes with units, and a legend', () => {
    const { document } = parseHTML(svg);
    expect(document.querySelector('svg')?.getAttribute('xmlns')).toBe('http://www.w3.org/2000/svg');
    expect(document.querySelector('rect')?.getAttribute('fill')).toBe('white');
    const texts = [...document.querySelectorAll('text')].map((text) => text.textContent);
    expect(texts).toEqual(
      expect.arrayContaining([
        ...['Loss of <a & b>', '↑ loss (nats per token)', 'step →'],
        ...['training, each step', 'training, smoothed', 'validation', '3.13'],
      ]),
    );
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  it('leaves out what a run without validation does not have, and draws a run of one step', () => {
    const single = lossCurve(fall(1), 'One step');
    expect(single).not.toContain('>validation<');
    expect(single).not.toMatch(/NaN|undefined/);
  });

  it('stays small for a long run', () => {
    expect(lossCurve(fall(100_000), 'Long').length).toBeLessThan(100_000);
  });

  it('keeps the labels of curves that end together apart', () => {
    expect(apart([3, 5, 3.01, 2.99], 0.1)).toEqual([3.09, 5, 3.19, 2.99].map((y) => expect.closeTo(y)));
  });
});
