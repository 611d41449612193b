/** Tools that are called, and forms that are filled in: what a program asks of a small model. */
import { type Exchange, shuffled, type Voice, type Wordings, word } from '../voice.ts';
import { names } from '../words/names.ts';
import { cities, colours, foods, hobbies } from '../words/subjects.ts';

interface Tool {
  readonly names: readonly string[];
  readonly description: string;
  readonly parameters: Readonly<Record<string, 'number' | 'string'>>;
}

const sumTool: Tool = {
  names: ['add', 'calculator', 'calculate', 'sum', 'plus'],
  description: '[Adds two numbers.|The sum of two numbers.|Calculates a + b.]',
  parameters: { a: 'number', b: 'number' },
};
const clockTool: Tool = {
  names: ['clock', 'time', 'get_time', 'current_time', 'now'],
  description: '[Tells the time.|The current time.|Says what time it is.]',
  parameters: {},
};
const otherTools: readonly Tool[] = [
  {
    names: ['weather', 'get_weather'],
    description: 'The weather of a city.',
    parameters: { city: 'string' },
  },
  { names: ['search', 'find_page'], description: 'Searches the web.', parameters: { query: 'string' } },
  {
    names: ['send_mail', 'mail'],
    description: 'Sends a message.',
    parameters: { to: 'string', text: 'string' },
  },
  {
    names: ['light', 'switch_light'],
    description: 'Switches the light of a room.',
    parameters: { room: 'string' },
  },
];

const sumAsks: Wordings = {
  taught: [
    '[What is|How much is|Calculate|Add] {a} [+|plus|and] {b}[?|]',
    '{a} + {b}[?|]',
    '[Please add|Can you add] {a} and {b}[?|.]',
    'I have {a} [coins|stamps|books] and get {b} more. How many [are there|do I have]?',
  ],
  held: ['Would you total {a} and {b}?', 'The sum of {a} and {b}, please.', 'Find out what {a} + {b} makes.'],
};
const clockAsks: Wordings = {
  taught: [
    'What time is it[?|]',
    '[Tell me|What is|Do you know] the time[?|.]',
    'How late is it?',
    '[What does the clock say|Is it late]?',
  ],
  held: ['Could you check the time for me?', 'What is the hour?'],
};
const weatherAsks: Wordings = {
  taught: [
    '[What is|How is] the weather in {city}?',
    'Is it [raining|cold|sunny] in {city}?',
    'Weather in {city}[?|]',
  ],
  held: ['Do I need an umbrella in {city}?', 'Tell me how the weather in {city} is.'],
};

/** A talk with tools: the first entry is the system message. */
export interface ToolTalk {
  readonly system: string;
  readonly exchanges: readonly Exchange[];
}

export function toolTalk(voice: Voice): ToolTalk {
  const [asked, make] = voice.pick([
    [sumTool, addition],
    [sumTool, addition],
    [clockTool, timeOfDay],
    [otherTools[0]!, weather],
  ] as const);
  const others = [sumTool, clockTool, ...otherTools].filter((tool) => tool !== asked);
  const offered = [asked, ...Array.from({ length: voice.random.integer(3) }, () => voice.pick(others))];
  const tools = [...new Set(offered)].map((tool) => ({ tool, name: voice.pick(tool.names) }));
  if (voice.chance(0.5)) tools.reverse();
  const called = tools.find(({ tool }) => tool === asked)!.name;
  const lines = tools.map(({ tool, name }) => spaced(definition(tool, name, voice)));
  return { system: ['Tools:', ...lines].join('\n'), exchanges: make(called, voice) };
}

function definition({ description, parameters }: Tool, name: string, voice: Voice): object {
  const properties = Object.fromEntries(Object.entries(parameters).map(([key, type]) => [key, { type }]));
  return {
    name,
    description: voice.say([description]),
    parameters: { type: 'object', properties, required: Object.keys(parameters) },
  };
}

/** JSON as the chat template writes it. */
export function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${spaced(inner)}`)
    .join(', ')}}`;
}

function called(name: string, args: object, user: string): Exchange {
  const call = `<tool_call>${spaced({ name, arguments: args })}</tool_call>`;
  return { user, assistant: call, rule: { gate: 'tools', must: `^${escaped(call)}$` } };
}

function answered(result: string, assistant: string): Exchange {
  return {
    user: `<tool_response>${result}</tool_response>`,
    assistant,
    rule: { gate: 'tools', must: word(result) },
  };
}

const escaped = (text: string) => text.replace(/[.*+?^$()[\]{}|\\]/g, '\\$&');

function addition(name: string, voice: Voice): Exchange[] {
  const number = () => voice.random.integer(voice.pick([20, 100, 100, 1000]));
  const [a, b] = [number(), number()];
  const user = voice.ask(sumAsks, { a: String(a), b: String(b) });
  const sum = String(a + b);
  return [
    called(name, { a, b }, user),
    answered(sum, voice.say([`${a} + ${b} = ${sum}.`, `That is ${sum}.`, `${sum}.`])),
  ];
}

function timeOfDay(name: string, voice: Voice): Exchange[] {
  const time = `${voice.random.integer(24)}:${String(voice.random.integer(60)).padStart(2, '0')}`;
  return [
    called(name, {}, voice.ask(clockAsks)),
    answered(time, voice.say([`It is ${time}.`, `The clock says ${time}.`])),
  ];
}

function weather(name: string, voice: Voice): Exchange[] {
  const city = voice.pick(cities);
  const sky = voice.pick(['sunny', 'rainy', 'cloudy', 'windy', 'snowy', 'foggy']);
  const user = voice.ask(weatherAsks, { city });
  return [
    called(name, { city }, user),
    answered(sky, voice.say([`It is ${sky} in ${city}.`, `In ${city} it is ${sky}.`])),
  ];
}

const fields = {
  name: { values: names, text: '' },
  age: { values: Array.from({ length: 80 }, (_, k) => k + 5), text: '[is {v}|is {v} years old]' },
  city: { values: cities, text: '[lives in|is from|comes from] {v}' },
  colour: { values: colours, text: '[likes|loves] the colour {v}' },
  food: { values: foods, text: '[likes to eat|loves to eat|eats] {v}' },
  hobby: { values: hobbies, text: '[likes|enjoys] {v}' },
} as const;

const formAsks: Wordings = {
  taught: [
    '[Fill in|Write|Give me|Make] [a form|JSON|a JSON object] with {fields}: {text}',
    '[As JSON|JSON], with {fields}: {text}',
    '{text} [Write that|Put that|Give me this] as JSON with {fields}.',
    'Extract {fields} as JSON: {text}',
  ],
  held: ['Turn this into JSON that has {fields}: {text}', '{text} Please return {fields} in JSON.'],
};

/** A form of three fields. */
export function form(voice: Voice): Exchange {
  const keys = shuffled(
    Object.keys(fields).filter((key) => key !== 'name'),
    voice,
  ).slice(0, 2) as (keyof typeof fields)[];
  const name = voice.pick(names);
  const values: Record<string, string | number> = { name };
  const parts = keys.map((key) => {
    const value: string | number = voice.pick<string | number>(fields[key].values);
    values[key] = value;
    const text = voice.say([fields[key].text], { v: String(value) });
    return text[0]!.toLowerCase() + text.slice(1);
  });
  const user = voice.ask(formAsks, {
    fields: `name, ${keys.join(' and ')}`,
    text: `${name} ${parts.join(' and ')}.`,
  });
  const filled = spaced(values);
  return { user, assistant: filled, rule: { gate: 'forms', must: `^${escaped(filled)}$` } };
}
