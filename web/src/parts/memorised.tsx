/** Says when a model memorises its text: the training loss falls while the loss on held-out text does not. */

type Point = readonly [step: number, loss: number];

/** Shares of the loss that count as standing still, and as falling. */
const still = 0.01;
const falling = 0.1;

export function isMemorising(losses: readonly Point[], validations: readonly Point[]): boolean {
  if (validations.length < 4) return false;
  const [[middle], held] = [validations.at(-3)!, validations.slice(-3).map(([, loss]) => loss)];
  const before = Math.min(...validations.slice(0, -2).map(([, loss]) => loss));
  const standsStill = Math.min(held[1]!, held[2]!) > before * (1 - still);
  const mean = (points: readonly Point[]) => points.reduce((sum, [, loss]) => sum + loss, 0) / points.length;
  const late = losses.slice(-Math.max(5, Math.round(losses.length / 20)));
  const early = losses.filter(([step]) => step <= middle).slice(-late.length);
  const gap = mean(late) < held[2]! * (1 - falling);
  return standsStill && early.length > 0 && gap && mean(late) < mean(early);
}

export function Memorised({
  losses,
  validations,
}: {
  losses: readonly Point[];
  validations: readonly Point[];
}) {
  if (!isMemorising(losses, validations)) return null;
  return (
    <p class="note" role="status">
      It has begun to memorise: the text that it trains on gets easier, the text kept apart does not. More
      steps will not help; a longer text will.
    </p>
  );
}
