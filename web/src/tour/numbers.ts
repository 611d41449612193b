/** Numbers as the tour writes them, with a minus sign that is as wide as the plus. */
export function signed(value: number): string {
  return String(value).replace('-', '−');
}

export function short(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  return signed(Number(size >= 100 ? value.toFixed(0) : value.toPrecision(3)));
}
