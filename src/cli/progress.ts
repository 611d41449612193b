/** Progress display: a bar that redraws itself on a terminal, an occasional line elsewhere. */
import { Presets, SingleBar } from 'cli-progress';

export interface ProgressOptions {
  /** The activity, in a word or two. */
  readonly label: string;
  /** Total units of work. */
  readonly total: number;
  /** Units done before this process began. */
  readonly start?: number | undefined;
  readonly stream?: NodeJS.WriteStream | undefined;
}

export interface Progress {
  /** @param status short figures beside the bar, the most important first: narrow terminals cut the rest */
  update(done: number, status?: string): void;
  stop(): void;
}

/** Milliseconds between two lines without a terminal. */
const lineInterval = 10_000;

export function startProgress({
  label,
  total,
  start = 0,
  stream = process.stderr,
}: ProgressOptions): Progress {
  const began = performance.now();
  const timeLeft = (done: number) => {
    if (done <= start) return '';
    const perUnit = (performance.now() - began) / (done - start);
    return ` · ${duration((perUnit * (total - done)) / 1000)} left`;
  };
  return stream.isTTY ? bar(label, total, start, stream, timeLeft) : lines(label, total, stream, timeLeft);
}

function bar(
  label: string,
  total: number,
  start: number,
  stream: NodeJS.WriteStream,
  timeLeft: (done: number) => string,
): Progress {
  const single = new SingleBar(
    {
      ...{ stream, hideCursor: true, barsize: 20, linewrap: true, gracefulExit: false, fps: 10 },
      format: '{label} {bar} {percentage}%{left}{status}',
    },
    Presets.shades_classic,
  );
  const text = (status: string) => (status ? ` · ${status}` : '');
  let last = { label, status: '', left: '' };
  single.start(total, start, last);
  return {
    update(done, status = '') {
      last = { label, status: text(status), left: timeLeft(done) };
      single.update(Math.min(done, total), last);
    },
    stop() {
      single.update({ ...last, left: '' });
      single.stop();
    },
  };
}

function lines(
  label: string,
  total: number,
  stream: NodeJS.WriteStream,
  timeLeft: (done: number) => string,
): Progress {
  let next = performance.now() + lineInterval;
  let pending: string | undefined;
  const flush = () => {
    if (pending !== undefined) stream.write(`${pending}\n`);
    pending = undefined;
  };
  return {
    update(done, status = '') {
      const percent = Math.floor((100 * Math.min(done, total)) / Math.max(1, total));
      pending = `${label} ${percent}%${timeLeft(done)}${status ? ` · ${status}` : ''}`;
      if (performance.now() < next) return;
      next += lineInterval;
      flush();
    },
    stop: flush,
  };
}

/** Seconds as `0:07`, `12:30` or `1:02:03`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
