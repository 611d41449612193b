/** It asks, the user answers: a sum for each round. The sum comes before the verdict, which follows from it. */
import { type Exchange, type Voice, type Wordings, word } from '../voice.ts';

const startAsks: Wordings = {
  taught: [
    'Ask me [a question|something|a sum|a riddle|anything|another one][.|!|]',
    '[Quiz|Test|Examine] me[.|!|]',
    "[Let us|Let's|Can we|Shall we] [do|play|make] a [quiz|maths quiz|sum quiz|math game][.|?|]",
    '[Give|Set] me [a sum|a task|an exercise|something to solve|a problem][.|]',
    'Now you ask[ me|][.|]',
  ],
  held: ['Put a question to me.', 'Try me with a sum of yours.'],
};
const answerAsks: Wordings = {
  taught: [
    '{value}[.|!|?|]',
    '[It is|That is|I think|I say|Is it|The answer is] {value}[.|?|]',
    '{value}, [I think|right|no][.|?|]',
  ],
  held: ['My answer: {value}.'],
};
const skipAsks: Wordings = {
  taught: ['[I do not know|No idea|Tell me|You tell me|I give up|Pass|Too hard][.|!|]'],
  held: ['That beats me.'],
};

interface Sum {
  readonly question: string;
  readonly line: string;
  readonly result: number;
}

/** One to four sums; what is answered is judged. */
export function quizRounds(voice: Voice): Exchange[] {
  let open = sumOf(voice);
  const exchanges: Exchange[] = [
    {
      user: voice.ask(startAsks),
      assistant: voice.say([
        `What is ${open.question}?`,
        `[Gladly:|Here is one:|Good:] what is ${open.question}?`,
      ]),
    },
  ];
  for (let rounds = voice.pick([1, 1, 2, 3, 4]); rounds > 0; rounds--) {
    const next = rounds > 1 ? sumOf(voice) : undefined;
    exchanges.push(answered(open, next, voice));
    open = next ?? open;
  }
  return exchanges;
}

function answered({ line, result }: Sum, next: Sum | undefined, voice: Voice): Exchange {
  const more = next ? ` Next: what is ${next.question}?` : '[| Another one?]';
  const kind = voice.random.integer(10);
  if (kind === 0) return judged(voice.ask(skipAsks), `It is ${result}: ${line}.`, more, result, voice);
  const isRight = kind < 7;
  const value = isRight ? result : (result + 1 + voice.random.integer(5)) % 21;
  const user = voice.ask(answerAsks, { value: String(value) });
  if (isRight) return judged(user, `${line}: [right|correct|well done]!`, more, result, voice);
  return judged(user, `${line}, so not quite.`, more, result, voice);
}

function judged(user: string, verdict: string, more: string, result: number, voice: Voice): Exchange {
  const must = `${word(String(result))}`;
  return { user, assistant: voice.say([verdict + more]), rule: { gate: 'sums', must } };
}

function sumOf(voice: Voice): Sum {
  const total = 2 + voice.random.integer(19);
  const part = voice.random.integer(total + 1);
  const [a, sign, b, result] = voice.chance(0.6)
    ? ([part, '+', total - part, total] as const)
    : ([total, '−', part, total - part] as const);
  const question = `${a} ${sign} ${b}`;
  return { question, line: `${question} = ${result}`, result };
}
