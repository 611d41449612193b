/** A message by its letters and digits only: what two wordings have in common however they were typed. */
export function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9+\-*/×=:]+/g, ' ')
    .trim();
}
