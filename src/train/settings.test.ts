import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { defaultSettings, parseSettings } from './settings.ts';

describe('training settings', () => {
  it('fills in defaults', () => {
    expect(parseSettings({ steps: 7 })).toEqual({ ...defaultSettings, steps: 7 });
  });

  it.each([
    [{ steps: 0 }, 'steps: found 0, expected an integer from 1'],
    [{ batch: 1.5 }, 'batch: found 1.5, expected an integer'],
    [{ learningRate: -1 }, 'learningRate: found -1, expected a number above 0, at most 1'],
    [{ learningRate: '1e-3' }, 'learningRate: found "1e-3", expected a number'],
    [{ beta2: 1 }, 'beta2: found 1, expected a number from 0, below 1'],
    [{ schedule: 'linear' }, 'schedule: found "linear", expected matmulfree, cosine, constant'],
    [{ learning_rate: 1 }, 'learning_rate: unknown field; expected one of steps, batch'],
    [7, 'found 7, expected an object'],
  ])('refuses %j and says what was expected', (choices, message) => {
    expect(() => parseSettings(choices)).toThrow(InputError);
    expect(() => parseSettings(choices)).toThrow(message);
  });
});
