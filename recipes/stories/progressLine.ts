/** Keeps one line of a terminal up to date, or writes a line now and then. */
export function progressLine(): (text: string) => void {
  let last = 0;
  const interval = process.stderr.isTTY ? 200 : 10_000;
  return (text) => {
    if (performance.now() - last < interval) return;
    last = performance.now();
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K  ${text}` : `  ${text}\n`);
  };
}
