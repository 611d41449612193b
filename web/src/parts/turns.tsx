/** What was said, with what can be done about it. */
import { useEffect, useRef } from 'preact/hooks';
import { edit, generation, goOn, regenerate, spoken, type Turn, talk } from '../talk.ts';
import { CopyButton } from './copyButton.tsx';
import { Growing } from './growing.tsx';
import { isMarkdown, Markdown } from './markdown.tsx';

/** Pixels from the end within which a reader counts as being at the end. */
const near = 40;

export function Turns() {
  const log = useRef<HTMLDivElement>(null);
  /** Whether the reader is at the end; only then the view follows what is written. */
  const follows = useRef(true);
  const { turns, cut } = talk.value;
  const running = generation.running.value;
  useEffect(() => {
    const element = log.current!;
    if (follows.current) element.scrollTop = element.scrollHeight;
  }, [turns]);
  return (
    <>
      <div
        ref={log}
        class={turns.length > 0 ? 'turns some' : 'turns'}
        role="log"
        // Pieces of words would be read out; the whole answer is, below.
        aria-live="off"
        aria-label="Conversation"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < near;
        }}
      >
        {turns.map((turn, index) => (
          <OneTurn
            key={index}
            {...{ turn, index }}
            last={index === turns.length - 1}
            writing={running && index === turns.length - 1}
            cut={cut && index === turns.length - 1}
          />
        ))}
      </div>
      <p class="unseen" aria-live="polite" data-testid="spoken">
        {spoken.value}
      </p>
    </>
  );
}

interface TurnProps {
  readonly turn: Turn;
  readonly index: number;
  readonly last: boolean;
  readonly writing: boolean;
  readonly cut: boolean;
}

function OneTurn({ turn: { who, text }, index, last, writing, cut }: TurnProps) {
  const shown = text.trimStart();
  return (
    <div class={`turn ${who}`} dir="auto">
      <span class="unseen">{who === 'you' ? 'You: ' : 'The model: '}</span>
      {who === 'model' && !writing && isMarkdown(shown) ? (
        <Markdown text={shown} />
      ) : (
        <Growing text={shown} />
      )}
      {writing && shown === '' && <span class="cursor" aria-hidden="true" />}
      {cut && !writing && (
        <span class="cut">
          The answer ends here, at the limit or where it was stopped.{' '}
          <button type="button" class="small" onClick={() => void goOn()}>
            Go on
          </button>
        </span>
      )}
      {!writing && <TurnTools {...{ who, text, index, last }} />}
    </div>
  );
}

function TurnTools({ who, text, index, last }: Omit<TurnProps, 'turn' | 'writing' | 'cut'> & Turn) {
  const running = generation.running.value;
  return (
    <span class="tools">
      <CopyButton text={text} what={who === 'you' ? 'what you said' : 'what it said'} />
      {who === 'you' && (
        <button type="button" class="small" disabled={running} onClick={() => void edit(index)}>
          Edit
        </button>
      )}
      {who === 'model' && last && (
        <button type="button" class="small" disabled={running} onClick={() => void regenerate()}>
          Another answer
        </button>
      )}
    </span>
  );
}
