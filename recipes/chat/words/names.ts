/** First names. The held-out ones occur in no training talk. */
import type { Pieces } from './pieces.ts';

export const names: readonly string[] =
  `Mia Leo Anna Ben Lily Tom Sara Max Emma Jack Zoe Sam Nora Finn Ella Noah Lucy Adam Ruby Omar Ivy Hugo Maya Liam Rosa
Theo Jane Paul Amy Eric Lena Oscar Tara Felix Dana Simon Eva Jonas Kim Peter Iris Martin Alma David Vera Robin Clara
Henry Sofia Lucas Julia Victor Alice Daniel Grace Oliver Hannah Jacob Chloe Ethan Nina Marco Diana Kevin Laura Brian
Helen Mark Karen Steve Linda James Mary John Susan Robert Nancy Michael Betty William Carol Joseph Ruth Thomas Sharon
Charles Laurie George Donna Frank Emily Edward Megan Arthur Holly Walter Paula Carl Wendy Albert Heidi Philip Erica
Aisha Ravi Priya Arjun Anita Sanjay Meera Kiran Yuki Hana Kenji Akira Sakura Mei Wei Ling Chen Jin Minh Linh Tuan Ali
Fatima Hassan Layla Karim Amira Yusuf Zara Ahmed Leila Ibrahim Noor Tariq Kofi Ama Kwame Zola Thabo Amara Chidi Ngozi
Ade Sade Imani Juma Asha Diego Carmen Pablo Lucia Miguel Elena Carlos Ines Juan Marta Luis Pilar Pedro Rafael Ana
Bruno Lola Mateo Paola Andre Bianca Luca Giulia Enzo Chiara Matteo Franca Pierre Claire Louis Camille Antoine Sophie
Julien Margot Hans Greta Klaus Ingrid Lars Astrid Sven Freya Erik Signe Bjorn Elsa Anders Maja Ivan Olga Boris Nadia
Igor Tanya Pavel Katya Dmitri Sasha Jan Eliska Marek Zofia Adrian Ioana Radu Mihai Stefan Petra Milan Jelena Goran
Katarina Nikos Despina Yannis Tamar Eitan Noa Avi Rivka Aaron Abby Bella Caleb Daisy Eli Fay Gus Hope Ian Jade Kyle
Lara Milo Nell Otis Penny Quinn Ross Stella Toby Uma Vince Wes Xena Yara Zack`.split(/\s+/);

export const heldNames: readonly string[] =
  'Agnes Basil Cleo Dora Edgar Flora Gavin Hazel Jasper Mabel Cyrus Edith Felicity Gideon Harriet Isidor Juniper Lionel Winifred Oswald'.split(
    ' ',
  );

/** Names of pets and of heroes of stories. */
export const petNames: readonly string[] =
  `Pip Spot Momo Biscuit Pepper Coco Bean Muffin Tiny Fluffy Sunny Socks Ginger Rusty Shadow Bella Buddy Daisy Rocky
Luna Milo Nibbles Patch Pickle Pumpkin Scout Snowy Star Teddy Toffee Whiskers Ziggy Button Cookie Dot Fern Jojo Kiki
Lulu Mopsy Nutmeg Olive Poppy Rolo Tilly Waffles Bubbles Clover Dusty Peanut`.split(/\s+/);

const onsets = 'b br c ch d dr f fl g gr h j k kr l m n p pl qu r s sh sl st t th tr v w y z'.split(' ');
const vowels = 'a e i o u ai ea ee ia io oa'.split(' ');
const codas = 'l n m r s t k x nd ll rn sh th v'.split(' ');

type Pick = <T>(list: readonly T[]) => T;

/**
 * A name that nobody has: there are so many that a model cannot memorise them and must repeat what it was told.
 * They are syllables, letters that follow each other as in real names, and pieces of the tokenizer, because a real name
 * that it does not know is pieces, too.
 * @param pick chooses from a list
 */
export function inventedName(pick: Pick, pieces: Pieces): string {
  for (;;) {
    const name = capital(pick([syllables, likeRealOnes, ofPieces])(pick, pieces));
    if (name.length >= 3 && name.length <= longestName && !heldNames.includes(name)) return name;
  }
}

const longestName = 10;

function syllables(pick: Pick): string {
  const syllable = () => pick(onsets) + pick(vowels);
  const count = pick([1, 2, 2, 3]);
  return Array.from({ length: count }, syllable).join('') + pick([...codas, '', '', '', 'a', 'o']);
}

/** Which letters follow two letters in real names; a name begins after two "^" and ends with "$". */
const following = Map.groupBy(
  names.flatMap((name) => {
    const letters = `^^${name.toLowerCase()}$`;
    return Array.from({ length: letters.length - 2 }, (_, k) => letters.slice(k, k + 3));
  }),
  (three) => three.slice(0, 2),
);

function likeRealOnes(pick: Pick): string {
  let text = '^^';
  while (!text.endsWith('$') && text.length < 2 + longestName)
    text += pick(following.get(text.slice(-2))!)[2];
  return text.replace(/[\^$]/g, '');
}

function ofPieces(pick: Pick, { starts, rests }: Pieces): string {
  const more = pick([1, 1, 1, 2]);
  return pick(starts) + Array.from({ length: more }, () => pick(rests)).join('');
}

const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1);
