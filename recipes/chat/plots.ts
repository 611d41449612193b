/** Short stories from a grammar: plots for creatures, people and things, about whatever was named. */
import { withArticle } from './grammar.ts';
import { plural } from './tinyStories.ts';
import type { Voice } from './voice.ts';
import { petNames } from './words/names.ts';
import { creatures, people, things } from './words/subjects.ts';

export interface Hero {
  readonly subject: string;
  readonly name?: string | undefined;
}

const openings = [
  'Once upon a time[,| there was] there was {a} {trait}{subject}{named}.',
  'Once there was {a} {trait}{subject}{named}.',
  'In {place} there lived {a} {trait}{subject}{named}.',
  'There was once {a} {trait}{subject}{named} who lived in {place}.',
].map((text) => text.replace('[,| there was] there was', ' there was'));

const traits =
  'little,small,young,old,clever,shy,brave,quiet,merry,curious,lonely,gentle,tiny,kind,sleepy,funny,silly,proud'.split(
    ',',
  );
const places =
  'a green forest,a small town,a quiet garden,a house by the sea,a deep valley,a sunny meadow,a snowy village,an old mill,a yellow house,a busy market,a farm on a hill,a little wood'.split(
    ',',
  );
const finds =
  'a shiny coin,a red ball,a lost key,an old map,a blue stone,a big nut,a warm scarf,a small bell,a golden leaf,a jar of honey'.split(
    ',',
  );

const living: readonly string[] = [
  'One day {the} wanted to [cross the river|climb the hill|reach the moon|find a friend], but it was [too far|too hard|too high]. "[I will take|Take] one step," said {the}, "and then one more." Step by step {the} [came nearer|went on]. In the evening [it was done|it was there], and {the} [laughed|smiled|sang a small song].',
  'One morning {the} found {find} [in the grass|under a tree|by the road]. "[Whose|Oh! Whose] is this?" asked {the}. {The} asked {friend}, and {friend} [shook its head|did not know]. Then {friend2} came running. "That is mine! [Thank you|Thank you so much]!" [They became friends that day.|They shared it and became friends.] {The} was [happy|glad].',
  'One day it [rained and rained|snowed and snowed]. {The} was [cold|wet] and had no [roof|place to stay]. {Friend} called, "Come in, there is room for one more!" Inside sat {friend2} too. One and one and one make three, and three are [warm|warmer than one]. {The} slept well that night.',
  'Every night {the} counted the stars. "One, two, three," said {the}, and then always fell asleep. One night {friend} came and counted [too|along]. "Four, five, six!" [Together|Now] they [counted|got] as far as [ten|twenty], and {the} was [proud|very proud].',
  '{The} had [three|four|five] [apples|nuts|cakes] and no friend. Then came {friend}, who had no [food|dinner] and looked sad. {The} [thought for a while|thought] and gave one away. Now {the} had one [less|fewer], and one friend more. "That is a good sum," said {the}.',
  '[One day|One night] {the} heard a [strange|soft|loud] noise in [the dark|the wood|the old house]. {The} was afraid. But {the} went to look, [slowly|very slowly]. It was only {friend}, who had lost the way! {The} took {friend} home, and they [drank tea|ate soup|sat by the fire]. After that {the} was not afraid of the dark.',
  '{The} wanted to make a [cake|soup|pie] for {friend}. There was no [sugar|salt|butter], so {the} asked [at the next house|a neighbour]. "Take some of mine," said {friend2}. The [cake|soup|pie] was [good|very good], and {the} cut it into three parts: one for each of them.',
  'One day {the} got lost. "[I turned left, then left again|I went too far]," said {the}. {Friend} said, "Then take away what you added: go back the same way." {The} went back, step by step, and [there was home|soon saw the door]. "Thank you," said {the}, "[that was clever|you are clever]."',
  '{The} was the smallest of all and could not [reach the apples|lift the stone|open the gate]. {Friend} could not do it either. "[Let us add us up|Let us do it together]," said {the}. {Friend} stood below and {the} stood on top. It worked! They [laughed|danced] until [evening|it was dark].',
  'One day {the} lost {find}. {The} looked under the bed, behind the door and [in the garden|on the roof]. It was nowhere. Then {friend} [asked|said], "What is that on your head?" There it was! {The} laughed [for a long time|and laughed].',
  '{The} had never seen the sea. "How far is it?" asked {the}. "Two days," said {friend}, "and then one more." So {the} walked three days. The sea was [big|blue|bigger than everything]. {The} put one foot into it and [laughed|jumped back]. "[Hello, sea|So this is you]," said {the}.',
  'One winter {the} could not sleep. {Friend} came and told {the} a story about summer. Then {the} told one about spring. They told stories in turn, one and one, until the snow [was gone|melted]. "That was the shortest winter," said {the}.',
  'One day {the} found a door [in a tree|under a stone|behind the mill]. {The} knocked once. Nothing happened. {The} knocked twice. [Somebody coughed|It opened a little]. {The} knocked three times, and there stood {friend}, in a [nightcap|red coat]. "At last," said {friend}. "I was waiting for somebody to have tea with."',
  '{The} wanted to be [bigger|faster|louder] than {friend}. Every day they [raced|measured|tried], and every day it was the same. "[You win at this, and I win at that. Does it matter|Why do we count it]?" asked {friend} at last. {The} thought about it. Then they [played|went swimming|had cake] instead, and nobody counted.',
  'There was to be a feast, and {the} was to bring the [lamps|music|cake]. But {the} forgot! {The} ran home, [stumbled|slipped] twice, and came back late. "I am sorry," said {the}. {Friend} smiled. "You are the one we waited for. [The rest is extra|Now we are complete]."',
  '{The} kept a small secret: {the} was afraid of [thunder|the bridge|deep water]. One evening {friend} said, "I am afraid of it, too." They held each other and counted to twenty. When they were done, it was [over|quiet], and {the} was [less afraid|braver by one].',
  'One day {the} planted a seed and waited. After one day there was nothing. After two days there was nothing. "Take it out and look," said {friend}. "No," said {the}, "[one more day|wait]." On the [third|seventh] day there was a [green leaf|small flower], and they both [danced|were quiet for joy].',
  '{The} could do only two things: take [a stone|a brick] away and put one on. "That is not much," said {friend}. But {the} went on, one away, one on, all day and all week. In the end there was a [tower|bridge|wall], and {friend} [stood on top of it|said nothing for a long time].',
  'A letter came for {the}. It said: "Come at once. [Bring a spoon|Bring your hat|Bring a friend]." {The} went at once, with {friend}. Behind the hill stood {friend2} with [a huge pudding|an enormous soup]. "I cannot eat it alone," said {friend2}. So they were three, and [nothing was left|the pudding was not enough].',
];

const lifeless: readonly string[] = [
  '{The} belonged to {owner}, who [lost it|left it behind] one day. {The} lay [in the grass|by the road] and waited, one day, two days, three days. Then {friend} found {the} and carried it home. {Owner} was so happy that [everyone got cake|they all danced].',
  'Nobody wanted {the}, because it was [old|a bit broken|too small]. Then {owner} came by and said, "[That is just what I need|I like this one]!" {Owner} [cleaned|mended] {the} with care. From that day on {the} was the best thing in the [house|village].',
  'One day {owner} found {the} [in an old box|at the market|on the beach]. "What a fine {subject}!" said {owner}. {Friend} wanted it too. They thought for a while, and then they shared {the}: one day for one, one day for the other. That was [fair|good].',
  'Every morning {owner} looked at {the}, and every morning {the} was there. Then a [great wind|storm] came and carried {the} away, over one hill, two hills, three hills. {Friend} saw {the} land and [brought it back|took it home]. "Welcome back," said {owner}.',
  'The children [said|thought] that {the} was magic. "Say one wish," they whispered. {Owner} wished for a friend. The next day {friend} came to the door and [stayed|asked to play]. Perhaps {the} was magic, and perhaps it was not.',
  '{The} stood in [a shop window|a dark corner|the rain] and nobody looked. One evening {friend} passed, stopped, and took {the} home. There {the} got a place by the window. From there one could see [the whole street|two trees and a hill]. It was [a good place|enough].',
  '{Owner} had two of everything, but only one {subject}. "Then it must be a special {subject}," said {friend}. They put {the} on the table and looked at it for a while. It did nothing. "[See|Look]," said {owner}, "it is very calm." They were calm, too.',
  'One night {the} fell down and [broke in two|got a crack]. {Owner} cried. But {friend} came with [glue and a ribbon|a needle and thread], and worked until morning. One half and one half make one. {The} was whole again, and even [prettier|stronger].',
  '{Owner} and {friend} both pulled at {the}. "Mine!" said one. "Mine!" said the other. Then [it began to rain|a bell rang], and they let go. "Ours," they said. {The} was the first thing that they had together.',
  '{Owner} gave {the} to {friend}, and {friend} gave it to {friend2}, and {friend2} gave it back to {owner}. So {the} made three people happy, and in the end nothing was missing. [That is a good sum.|Minus one and plus one is nothing at all.]',
];

const endings = [
  '',
  '[And that was a good day.|It was a very good day.]',
  '[And they lived happily ever after.|They stayed friends for ever.]',
  'That night {the} [slept well|dreamed of it].',
  '[The end.|And that is the end.]',
];

const thingEndings = [
  '',
  '[And that was a good day.|The end.]',
  '[And so it stayed.|And that is the end.]',
  'Everybody liked {the}.',
];

export function composed({ subject, name }: Hero, voice: Voice): string {
  const isThing = things.includes(subject);
  const trait = voice.chance(0.7) ? `${voice.pick(traits)} ` : '';
  const the = name !== undefined && voice.chance(0.5) ? name : `the ${subject}`;
  const others = creatures.filter((noun) => noun !== subject);
  const friend = `the ${voice.pick(others)}`;
  const owner = `the ${voice.pick(people.filter((noun) => noun !== subject))}`;
  const slots = {
    ...{ subject, trait, the, The: upper(the), plural: plural(subject) },
    a: withArticle(trait || subject).split(' ')[0]!,
    named: name === undefined ? '' : ` named ${name}`,
    ...{ place: voice.pick(places), find: voice.pick(finds) },
    ...{ friend, Friend: upper(friend), owner, Owner: upper(owner) },
    friend2: `the ${voice.pick(others.filter((noun) => !friend.endsWith(` ${noun}`)))}`,
  };
  const [plots, ends] = isThing ? [lifeless, thingEndings] : [living, endings];
  const parts = [openings, plots, ends].map((patterns) => voice.say(patterns, slots));
  return parts.filter((part) => part !== '').join(' ');
}

const upper = (text: string) => text[0]!.toUpperCase() + text.slice(1);

export function randomPetName(voice: Voice): string {
  return voice.pick(petNames);
}
